"""Two ways to answer the same examples: does the reward model beat the baseline?"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # type: ignore[import-untyped]

from alignment.statistics.clustering import clustered_mean
from alignment.statistics.columns import Ints, encode, read_half_points, require_equal_sizes
from alignment.statistics.intervals import WITHOUT_SPREAD, Interval, quantile

MCNEMAR = "McNemar's mid-p test; Tango's score interval"
CLUSTERED = "score test and interval of the difference, clustered by prompt"
_BISECTIONS = 60  # halve an interval of length 1 down to the precision of a float


class Advantage(NamedTuple):
    """Accuracy of the reward model minus accuracy of the baseline, on the same examples.

    p_value: two-sided, of no difference.
    num_gained, num_lost: examples on which the reward model has more, or fewer, half-points.
    """

    difference: float
    low: float
    high: float
    confidence: float
    p_value: float
    num_gained: int
    num_lost: int
    num_prompts: int
    num_examples: int
    method: str

    @property
    def is_certain(self) -> bool:
        """The reward model beats the baseline, and chance does not explain it at this confidence."""
        return self.difference > 0 and self.p_value < 1 - self.confidence


def beats(
    half_points: ArrayLike,
    baseline_half_points: ArrayLike,
    prompts: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
) -> Advantage:
    """Compare half-points (E,) with the baseline's on the same examples; prompts as for `accuracy`.

    Answers that are right or wrong, on one example per prompt: McNemar's mid-p test (Fagerland, Lydersen &
    Laake 2013, doi 10.1186/1471-2288-13-91) and the interval of Tango (1998). With ties, or several examples
    of a prompt: the mean difference, clustered by prompt, its interval and test from `Estimate`.
    """
    ours, theirs = read_half_points(half_points), read_half_points(baseline_half_points)
    clusters = np.arange(ours.size) if prompts is None else encode(prompts).codes
    require_equal_sizes(ours, theirs, clusters)
    num_prompts = int(clusters.max()) + 1
    if num_prompts == ours.size and not ((ours == 1) | (theirs == 1)).any():
        return _by_mcnemar(ours - theirs, confidence)
    return _by_clusters(ours - theirs, clusters, num_prompts, confidence)


def mid_p(gained: int, lost: int) -> float:
    """Two-sided mid-p value of McNemar's test from the two counts of discordant examples."""
    discordant = gained + lost
    if discordant == 0:
        return 1.0
    log_ways = math.lgamma(discordant + 1) - math.lgamma(gained + 1) - math.lgamma(lost + 1)
    point = math.exp(log_ways - discordant * math.log(2))  # the probability of just this outcome
    if gained == lost:
        return 1 - point / 2
    return 2 * float(special.bdtr(min(gained, lost), discordant, 0.5)) - point


def tango(gained: int, lost: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Score interval of (gained - lost) / n (Tango 1998, Statistics in Medicine 17:891-908)."""
    z = quantile(confidence)

    def holds(difference: float) -> bool:
        b = (2 * n - gained + lost) * difference - gained - lost
        root = math.sqrt(max(0.0, b * b + 8 * n * lost * difference * (1 - difference)))
        lost_share = (root - b) / (4 * n)  # most likely share of the lost under this difference
        variance = n * (2 * lost_share + difference * (1 - difference))
        return (gained - lost - n * difference) ** 2 <= z * z * variance

    estimate = (gained - lost) / n
    ends = []
    for outside in (-1.0, 1.0):
        inside = estimate
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if holds(middle) else (inside, middle)
        ends.append(inside)
    return Interval(*ends)


def _by_mcnemar(differences: Ints, confidence: float) -> Advantage:
    gained, lost, n = int((differences > 0).sum()), int((differences < 0).sum()), differences.size
    low, high = tango(gained, lost, n, confidence=confidence)
    return Advantage(
        difference=(gained - lost) / n,
        low=low,
        high=high,
        confidence=confidence,
        p_value=mid_p(gained, lost),
        num_gained=gained,
        num_lost=lost,
        num_prompts=n,
        num_examples=n,
        method=MCNEMAR,
    )


def _by_clusters(differences: Ints, clusters: Ints, num_prompts: int, confidence: float) -> Advantage:
    estimate = clustered_mean((differences + 2) / 4, clusters)  # from 0 to 1, 1/2 is no difference
    low, high = estimate.interval(confidence)
    return Advantage(
        difference=2 * estimate.mean - 1,
        low=2 * low - 1,
        high=2 * high - 1,
        confidence=confidence,
        p_value=estimate.p_value(0.5),
        num_gained=int((differences > 0).sum()),
        num_lost=int((differences < 0).sum()),
        num_prompts=num_prompts,
        num_examples=differences.size,
        method=CLUSTERED if estimate.shows_spread else CLUSTERED + WITHOUT_SPREAD,
    )
