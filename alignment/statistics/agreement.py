"""How far judges agree about the same comparisons, beyond what chance would give.

Three coefficients side by side, because each misleads alone: raw agreement is high wherever one verdict is
common, and Krippendorff's alpha is then low even where nearly all agree; Gwet's AC1 is steady there.
Shapes: J judgments, U comparisons, K possible verdicts, P prompts, B resamples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.columns import EmptyDataError, Floats, Ints, encode, require_equal_sizes
from alignment.statistics.intervals import WITHOUT_SPREAD, wilson
from alignment.statistics.resampling import NUM_RESAMPLES, percentiles, resampled_sums, sums_by

BOOTSTRAP = "mean over comparisons; bootstrap over prompts"
_ROUNDING = 1e-12


class Coefficient(NamedTuple):
    """One measure of agreement; 1 is complete."""

    estimate: float
    low: float
    high: float


class Agreement(NamedTuple):
    """alpha: None where only one verdict was ever given, since chance alone would then agree every time.

    num_comparisons, num_judgments, num_prompts: those with at least two judgments of the same comparison.
    """

    raw: Coefficient
    alpha: Coefficient | None
    ac1: Coefficient
    confidence: float
    num_prompts: int
    num_comparisons: int
    num_judgments: int
    method: str


def agreement(
    verdicts: ArrayLike,
    comparisons: ArrayLike,
    prompts: ArrayLike,
    *,
    categories: Sequence[str] | Sequence[int],
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> Agreement:
    """Raw agreement, Krippendorff's nominal alpha (2011) and Gwet's AC1 (2008, doi 10.1348/000711006X126600).

    verdicts, comparisons, prompts (J,): what was said of which comparison, and its prompt. Verdicts speak of
    the pair (first, second), never of left and right. categories: all verdicts that could have been given;
    AC1 depends on how many these are. Comparisons judged once tell AC1 how common verdicts are.
    EmptyDataError where no comparison was judged twice.
    """
    counts, prompt_of = _read(_verdict_codes(verdicts, categories), comparisons, prompts, len(categories))
    several = counts.sum(axis=1) > 1
    if not several.any():
        raise EmptyDataError("Agreement needs comparisons that were judged twice.")
    rows = sums_by(prompt_of, _features(counts))
    drawn = resampled_sums(rows, num_resamples=NUM_RESAMPLES, generator=generator)
    sums = np.concatenate([rows.sum(axis=0, keepdims=True), drawn[drawn[:, 1] > 0]])
    num_prompts = int((rows[:, 1] > 0).sum())
    observed, by_chance = _observed(sums), _by_chance(sums)
    raw, alpha, ac1 = (
        _coefficient(*pair, confidence, num_prompts) if pair[1][0] > _ROUNDING else None
        for pair in zip(observed, by_chance, strict=True)
    )
    assert raw and ac1  # noqa: S101 - chance cannot agree always with two verdicts that could be given
    return Agreement(
        raw=raw,
        alpha=alpha,
        ac1=ac1,
        confidence=confidence,
        num_prompts=num_prompts,
        num_comparisons=int(several.sum()),
        num_judgments=int(counts[several].sum()),
        method=BOOTSTRAP if _differ(observed[0]) else BOOTSTRAP + WITHOUT_SPREAD,
    )


def _read(
    verdicts: Ints, comparisons: ArrayLike, prompts: ArrayLike, num_categories: int
) -> tuple[Ints, Ints]:
    """How often each verdict was given of each comparison (U, K), and the prompts of these (U,)."""
    units, groups = encode(comparisons), encode(prompts).codes
    require_equal_sizes(verdicts, units.codes, groups)
    prompt_of = np.zeros(units.names.size, dtype=np.int64)
    prompt_of[units.codes] = groups
    if (prompt_of[units.codes] != groups).any():
        raise ValueError("A comparison belongs to one prompt.")
    cells = units.codes * num_categories + verdicts
    counts = np.bincount(cells, minlength=units.names.size * num_categories)
    return counts.reshape(-1, num_categories), prompt_of


def _verdict_codes(verdicts: ArrayLike, categories: Sequence[str] | Sequence[int]) -> Ints:
    if len(set(categories)) != len(categories) or len(categories) < 2:
        raise ValueError("Agreement needs at least two different verdicts that could be given.")
    given = encode(verdicts)
    places = {name: place for place, name in enumerate(categories)}
    unknown = [name for name in given.names.tolist() if name not in places]
    if unknown:
        raise ValueError(f"The verdict {unknown[0]!r} is none of those that could be given.")
    return np.array([places[name] for name in given.names.tolist()], dtype=np.int64)[given.codes]


def _features(counts: Ints) -> Floats:
    """What each comparison (U, K) adds to the sums that all coefficients are computed from.

    Columns (U, 4 + 2K): judged at all, judged twice, share of its pairs that agree, agreeing pairs over
    judgments - 1, the share of each verdict, and how often each was given if there were several.
    """
    sizes = counts.sum(axis=1)
    several = sizes > 1
    agreeing = np.where(several, (counts * (counts - 1)).sum(axis=1) / np.maximum(sizes - 1, 1), 0.0)
    scalars = np.stack([np.ones(sizes.size), several, agreeing / sizes, agreeing], axis=1)
    return np.concatenate([scalars, counts / sizes[:, None], counts * several[:, None]], axis=1)


def _observed(sums: Floats) -> Floats:
    """Disagreement that raw agreement, alpha and AC1 start from (3, B); sums (B, 4 + 2K)."""
    num_several, agreeing, coincidences = sums[:, 1:4].T
    num_given = sums[:, 4 + _num_categories(sums) :].sum(axis=1)
    return 1 - np.stack([agreeing / num_several, coincidences / num_given, agreeing / num_several])


def _by_chance(sums: Floats) -> Floats:
    """Disagreement by chance (3, B): 1 for raw agreement, 0 for alpha where one verdict is the only one."""
    num_units, given = sums[:, :1], sums[:, 4 + _num_categories(sums) :]
    shares = sums[:, 4 : 4 + _num_categories(sums)] / num_units
    total = given.sum(axis=1)
    alpha = (total**2 - (given**2).sum(axis=1)) / (total * (total - 1))
    ac1 = 1 - (shares * (1 - shares)).sum(axis=1) / (_num_categories(sums) - 1)
    return np.stack([np.ones_like(alpha), alpha, ac1])


def _num_categories(sums: Floats) -> int:
    return int(sums.shape[1] - 4) // 2


def _coefficient(observed: Floats, by_chance: Floats, confidence: float, num_prompts: int) -> Coefficient:
    """1 - observed / by chance, of the data (first) and its resamples (1 + B,).

    Where prompts do not differ, Wilson's interval takes each as one answer, with chance as it is.
    """
    estimate = float(1 - observed[0] / by_chance[0])
    if _differ(observed):
        defined = by_chance > _ROUNDING
        low, high = percentiles(1 - observed[defined][1:] / by_chance[defined][1:], confidence)
    else:
        limits = wilson(float(1 - observed[0]), num_prompts, confidence=confidence)
        low, high = (float(1 - (1 - limit) / by_chance[0]) for limit in limits)
    return Coefficient(estimate, min(low, estimate), max(high, estimate))


def _differ(observed: Floats) -> bool:
    return bool(np.ptp(observed) > _ROUNDING)
