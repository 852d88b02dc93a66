"""Win rate: how often the aligned side is preferred, with an interval that knows judgments share prompts.

Shapes: J judgments, S pairs of a cell and a prompt judged in it, C cells.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.clustering import mean_of_group_means, two_way_mean_of_group_means
from alignment.statistics.columns import (
    Bools,
    EmptyDataError,
    Floats,
    Ints,
    encode,
    read_flags,
    read_half_points,
    require_equal_sizes,
)
from alignment.statistics.intervals import WITHOUT_SPREAD, Estimate

BY_PROMPT = "mean over prompts; Wilson interval, clustered by prompt"
BY_PROMPT_AND_ANNOTATOR = "mean over prompts; Wilson interval, clustered by prompt and by annotator"
MACRO = "mean over datasets; Wilson interval from the variances of the datasets"
RULE = -1  # stands for the annotator where a rule gave the tie, because both texts were the same


class BothBad(StrEnum):
    """How a judgment "both are bad" counts."""

    TIE = "tie"
    LEFT_OUT = "left out"


class WinRate(NamedTuple):
    """The share of points that go to the aligned side: 1 for a win, 1/2 for a tie, 0 for a loss.

    variance: of the estimate; 0 where all prompts agree or there is only one (`method` says so).
    num_judgments: those that count: wins + ties + losses.
    num_both_bad: judgments "both bad"; among the ties if they count as such, else in no other number.
    num_identical: ties given by a rule because both texts were the same; they are among the ties.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    variance: float
    num_prompts: int
    num_judgments: int
    wins: int
    ties: int
    losses: int
    num_both_bad: int
    num_identical: int
    method: str


def win_rate(
    half_points: ArrayLike,
    prompts: ArrayLike,
    *,
    both_bad: BothBad,
    both_bad_flags: ArrayLike | None = None,
    identical: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WinRate:
    """Win rate of the aligned side over prompts. Raises EmptyDataError where no judgment counts.

    half_points (J,): to the aligned side, 2 win, 1 tie, 0 loss. prompts (J,): key or number of the prompt.
    both_bad_flags (J,): True where the verdict was "both bad". identical (J,): True where a rule gave the
    tie because both texts were the same. Such judgments have 1 half-point.

    Each prompt counts the same, however often it was judged. The interval is Wilson's with the effective
    number p(1 - p)/V, where V is the cluster-robust variance by prompt, and the t quantile of prompts - 1.
    """
    one_cell = np.zeros(np.size(half_points), dtype=np.int64)
    rates = win_rates_by_cell(
        one_cell,
        half_points,
        prompts,
        both_bad=both_bad,
        both_bad_flags=both_bad_flags,
        identical=identical,
        confidence=confidence,
    )
    if not rates:
        raise EmptyDataError('All judgments are "both bad" and left out, so there is no win rate.')
    return rates[0]


def win_rates_by_cell(  # noqa: PLR0913 - the columns of one table
    cells: ArrayLike,
    half_points: ArrayLike,
    prompts: ArrayLike,
    *,
    both_bad: BothBad,
    both_bad_flags: ArrayLike | None = None,
    identical: ArrayLike | None = None,
    confidence: float = 0.95,
) -> dict[Any, WinRate]:
    """`win_rate` of every cell of a matrix at once. cells (J,): number or name of each judgment's cell.

    Cells in which no judgment counts are absent. Raises EmptyDataError where there are no judgments at all.
    Cells and prompts that are whole numbers are fastest; texts have to be sorted.
    """
    judgments = _read(half_points, prompts, both_bad, both_bad_flags, identical)
    names, codes = encode(cells)
    require_equal_sizes(codes, judgments.prompts)
    if not judgments.counts.any():
        return {}
    pairs = _count_outcomes(judgments, codes)
    means = mean_of_group_means(pairs.means(), pairs.cells, names.size)
    tallies = _tally(judgments, pairs, codes, names.size)
    return {
        name: _win_rate(means.estimate(cell), tallies[cell], BY_PROMPT, confidence)
        for cell, name in enumerate(names.tolist())
        if means.num_groups[cell]
    }


def win_rate_any_annotators(
    half_points: ArrayLike,
    prompts: ArrayLike,
    annotators: ArrayLike,
    *,
    both_bad: BothBad,
    both_bad_flags: ArrayLike | None = None,
    confidence: float = 0.95,
) -> WinRate:
    """Win rate with an interval for other annotators too, not only for other prompts.

    annotators (J,): their numbers, RULE where a rule gave the tie. The estimate is that of `win_rate`. The
    variance is two-way (Cameron, Gelbach & Miller 2011, doi 10.1198/jbes.2010.07136), never less than by
    prompt or by annotator alone; the t quantile has min(prompts, annotators) - 1 degrees of freedom.
    Raises ValueError for fewer than two annotators: one person says nothing about others.
    """
    people = np.asarray(annotators)
    has_annotator = people != RULE
    judgments = _read(half_points, prompts, both_bad, both_bad_flags, ~has_annotator)
    counts = judgments.counts
    if np.unique(people[counts & has_annotator]).size < 2:
        raise ValueError("An interval for any annotators needs the judgments of at least two.")
    estimate = two_way_mean_of_group_means(
        judgments.half_points[counts] / 2,
        encode(judgments.prompts[counts]).codes,
        people[counts],
        has_annotator[counts],
    )
    one_cell = np.zeros_like(judgments.prompts)
    (tally,) = _tally(judgments, _count_outcomes(judgments, one_cell), one_cell, num_cells=1)
    return _win_rate(estimate, tally, BY_PROMPT_AND_ANNOTATOR, confidence)


def macro_average(win_rates: Sequence[WinRate], *, confidence: float = 0.95) -> WinRate:
    """Mean of the win rates of D datasets, each with the same weight; its variance is sum(V_d) / D**2.

    The t quantile has Satterthwaite's degrees of freedom. A dataset whose prompts all agree contributes the
    variance of Agresti & Coull (1998): two wins and two losses added to its prompts.
    """
    if not win_rates:
        raise EmptyDataError("There is no win rate to average.")
    num_datasets = len(win_rates)
    num_prompts = np.array([rate.num_prompts for rate in win_rates])
    variances = np.array([rate.variance or _agresti_coull_variance(rate) for rate in win_rates])
    estimate = Estimate(
        mean=sum(rate.estimate for rate in win_rates) / num_datasets,
        variance=float(variances.sum()) / num_datasets**2,
        units=num_datasets**2 / float((1 / num_prompts).sum()),
        df=float(variances.sum() ** 2 / (variances**2 / np.maximum(num_prompts - 1, 1)).sum()),
    )
    tally = _Tally(*(sum(getattr(rate, name) for rate in win_rates) for name in _Tally._fields))
    return _win_rate(estimate, tally, MACRO, confidence)


class _Judgments(NamedTuple):
    """Checked columns (J,). prompts: codes from 0; counts: False where a judgment is left out."""

    half_points: Ints
    prompts: Ints
    both_bad: Bools
    identical: Bools
    counts: Bools


class _Outcomes(NamedTuple):
    """What was judged of each pair of a cell and a prompt. cells (S,); counts (3, S): losses, ties, wins."""

    cells: Ints
    counts: Ints

    def means(self) -> Floats:
        """Mean points of each pair (S,)."""
        losses, ties, wins = self.counts
        points: Floats = (wins + ties / 2) / (wins + ties + losses)
        return points


class _Tally(NamedTuple):
    num_prompts: int
    num_judgments: int
    wins: int
    ties: int
    losses: int
    num_both_bad: int
    num_identical: int


def _read(
    half_points: ArrayLike,
    prompts: ArrayLike,
    both_bad: BothBad,
    both_bad_flags: ArrayLike | None,
    identical: ArrayLike | None,
) -> _Judgments:
    points, prompt_codes = read_half_points(half_points), encode(prompts).codes
    bad, same = read_flags(both_bad_flags, points.size), read_flags(identical, points.size)
    require_equal_sizes(points, prompt_codes, bad, same)
    if (points[bad | same] != 1).any() or (bad & same).any():
        raise ValueError('A judgment "both bad" and one of identical texts have 1 half-point; none is both.')
    counts = ~bad if BothBad(both_bad) is BothBad.LEFT_OUT else np.ones_like(bad)
    return _Judgments(points, prompt_codes, bad, same, counts)


def _count_outcomes(judgments: _Judgments, cells: Ints) -> _Outcomes:
    counts, num_prompts = judgments.counts, int(judgments.prompts.max()) + 1
    pairs, codes = encode(cells[counts] * num_prompts + judgments.prompts[counts])
    outcomes = np.bincount(judgments.half_points[counts] * pairs.size + codes, minlength=3 * pairs.size)
    return _Outcomes(pairs // num_prompts, outcomes.reshape(3, -1))


def _tally(judgments: _Judgments, pairs: _Outcomes, cells: Ints, num_cells: int) -> list[_Tally]:
    """What was judged in each cell. cells (J,)."""
    losses, ties, wins = (
        np.bincount(pairs.cells, weights=count, minlength=num_cells) for count in pairs.counts
    )
    num_prompts, both_bad, identical = (
        np.bincount(which, minlength=num_cells)
        for which in (pairs.cells, cells[judgments.both_bad], cells[judgments.identical])
    )
    columns = (num_prompts, wins + ties + losses, wins, ties, losses, both_bad, identical)
    return [_Tally(*row) for row in np.stack(columns, axis=1).astype(np.int64).tolist()]


def _win_rate(estimate: Estimate, tally: _Tally, method: str, confidence: float) -> WinRate:
    low, high = estimate.interval(confidence)
    return WinRate(
        estimate=estimate.mean,
        low=low,
        high=high,
        confidence=confidence,
        variance=estimate.variance,
        method=method if estimate.shows_spread else method + WITHOUT_SPREAD,
        **tally._asdict(),
    )


def _agresti_coull_variance(rate: WinRate) -> float:
    n = rate.num_prompts + 4
    p = (rate.estimate * rate.num_prompts + 2) / n
    return p * (1 - p) / n
