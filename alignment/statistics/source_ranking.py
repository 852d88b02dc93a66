"""Which source serves a target best: win rates of all sources at once, and the ranks that chance leaves open.

Shapes: J judgments of one target, S sources, P prompts.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.clustering import mean_of_group_means
from alignment.statistics.columns import EmptyDataError, Floats, encode, read_half_points, require_equal_sizes
from alignment.statistics.intervals import Estimate
from alignment.statistics.win_rate import BothBad, WinRate, win_rates_by_cell

METHOD = "score tests of the differences on common prompts, Holm; intervals Bonferroni"


class RankedSource(NamedTuple):
    """win_rate: its interval is one of a set that holds for all sources at once.

    best_rank, worst_rank: the ranks that chance leaves open, 1 being the best.
    """

    source: Any
    win_rate: WinRate
    best_rank: int
    worst_rank: int


class Pair(NamedTuple):
    """Two sources: `difference` of their win rates on the prompts that both have, first minus second.

    p_value: two-sided, adjusted by Holm (1979) for all pairs of the target.
    """

    first: Any
    second: Any
    difference: float
    p_value: float
    num_prompts: int


class SourceRanking(NamedTuple):
    """sources: the highest win rate first. pairs: each pair once."""

    sources: list[RankedSource]
    pairs: list[Pair]
    confidence: float
    method: str


def rank_sources(
    sources: ArrayLike, half_points: ArrayLike, prompts: ArrayLike, *, confidence: float = 0.95
) -> SourceRanking:
    """Rank the sources of one target by win rate; sources, half_points, prompts (J,), ties as half-points 1.

    A source is certainly better than another where Holm's p-value is below 1 - confidence; its ranks run from
    1 + those certainly better than it to S - those certainly worse, which all hold at once with this
    confidence. ValueError for fewer than two sources; EmptyDataError for two without a common prompt.
    """
    points, names, questions = read_half_points(half_points), encode(sources), encode(prompts)
    require_equal_sizes(points, names.codes, questions.codes)
    num_sources = names.names.size
    if num_sources < 2:
        raise ValueError("A ranking needs at least two sources.")
    rates = win_rates_by_cell(
        names.codes,
        points,
        questions.codes,
        both_bad=BothBad.TIE,
        confidence=1 - (1 - confidence) / num_sources,
    )
    cells = names.codes * questions.names.size + questions.codes
    size = num_sources * questions.names.size
    counts, totals = (
        np.bincount(cells, minlength=size),
        np.bincount(cells, weights=points / 2, minlength=size),
    )
    means = np.where(counts, totals / np.maximum(counts, 1), np.nan).reshape(num_sources, -1)  # (S, P)
    pairs = _pairs(means, names.names.tolist())
    certain = [pair for pair in pairs if pair.p_value < 1 - confidence]
    better = [pair.first if pair.difference > 0 else pair.second for pair in certain]
    worse = [pair.second if pair.difference > 0 else pair.first for pair in certain]
    ranked = [
        RankedSource(name, rates[code], 1 + worse.count(name), num_sources - better.count(name))
        for code, name in enumerate(names.names.tolist())
    ]
    ranked.sort(key=lambda source: -source.win_rate.estimate)
    return SourceRanking(ranked, pairs, confidence, METHOD)


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values (Holm 1979), in the order given: not above a level where Holm rejects at it."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1)))
    return adjusted


def _pairs(means: Floats, names: list[Any]) -> list[Pair]:
    places = list(itertools.combinations(range(len(names)), 2))
    estimates = [_difference(means[first] - means[second]) for first, second in places]
    p_values = holm([estimate.p_value(0.5) for estimate in estimates])
    return [
        Pair(names[first], names[second], 2 * estimate.mean - 1, float(p_value), int(estimate.units))
        for (first, second), estimate, p_value in zip(places, estimates, p_values, strict=True)
    ]


def _difference(differences: Floats) -> Estimate:
    """Mean over prompts (P,), NaN where one source lacks it; moved to 0 … 1, where 1/2 is no difference."""
    common = differences[np.isfinite(differences)]
    if not common.size:
        raise EmptyDataError("Two sources have no prompt in common, so they cannot be compared.")
    return mean_of_group_means((common + 1) / 2, np.zeros(common.size, dtype=np.int64), 1).estimate(0)
