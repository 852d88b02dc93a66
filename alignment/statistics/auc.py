"""Area under the ROC curve: how often a good example gets a higher reward than a bad one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.columns import (
    EmptyDataError,
    Floats,
    Ints,
    encode,
    read_flags,
    read_numbers,
    require_equal_sizes,
)
from alignment.statistics.intervals import WITHOUT_SPREAD, Estimate

BY_EXAMPLE = "Mann-Whitney; Wilson interval with DeLong's variance"
BY_PROMPT = "Mann-Whitney; Wilson interval with Obuchowski's variance, clustered by prompt"


class Auc(NamedTuple):
    """The probability that a good example gets the higher reward, equal rewards counting half.

    variance: of the estimate; 0 where it cannot be estimated (`method` says so).
    """

    estimate: float
    low: float
    high: float
    confidence: float
    variance: float
    num_prompts: int
    num_good: int
    num_bad: int
    method: str


def auc(
    rewards: ArrayLike, labels: ArrayLike, prompts: ArrayLike | None = None, *, confidence: float = 0.95
) -> Auc:
    """AUC of rewards (E,) for labels (E,), True is good; EmptyDataError unless there are good and bad ones.

    prompts (E,): as for `accuracy`; None where every example stands for itself. The variance is that of
    Obuchowski (1997, doi 10.2307/2533958), which without prompts is that of DeLong et al. (1988). Degrees of
    freedom and, where nothing varies, answers are as many as prompts with good (or bad, if fewer) examples.
    """
    values, good = read_numbers(rewards, "Rewards"), read_flags(labels, 0)
    clusters = np.arange(values.size) if prompts is None else encode(prompts).codes
    require_equal_sizes(values, good, clusters)
    if good.all() or not good.any():
        raise EmptyDataError("An AUC needs good and bad examples.")
    estimate = _estimate(values[good], values[~good], clusters[good], clusters[~good])
    low, high = estimate.interval(confidence)
    method = BY_EXAMPLE if prompts is None else BY_PROMPT
    return Auc(
        estimate=estimate.mean,
        low=low,
        high=high,
        confidence=confidence,
        variance=estimate.variance,
        num_prompts=int(clusters.max()) + 1,
        num_good=int(good.sum()),
        num_bad=int((~good).sum()),
        method=method if estimate.shows_spread else method + WITHOUT_SPREAD,
    )


def _estimate(good: Floats, bad: Floats, good_clusters: Ints, bad_clusters: Ints) -> Estimate:
    """Rewards and cluster codes of the good (G,) and of the bad (B,). Counts stay whole, so 0 is exact."""
    wins = _twice_below(good, bad)  # (G,) bad ones below each good one
    losses = 2 * good.size - _twice_below(bad, good)  # (B,) good ones above each bad one
    total = int(wins.sum())
    num_clusters = 1 + int(max(good_clusters.max(), bad_clusters.max()))
    from_good = _residuals(wins, good_clusters, total, num_clusters) / (2.0 * bad.size * good.size**2)
    from_bad = _residuals(losses, bad_clusters, total, num_clusters) / (2.0 * good.size * bad.size**2)
    with_good, with_bad = np.unique(good_clusters).size, np.unique(bad_clusters).size
    units = min(with_good, with_bad)
    variance = 0.0
    if units > 1:
        variance = float(
            from_good @ from_good * with_good / (with_good - 1)
            + from_bad @ from_bad * with_bad / (with_bad - 1)
            + 2 * from_good @ from_bad * num_clusters / (num_clusters - 1)
        )
    return Estimate(total / (2 * good.size * bad.size), variance, units, units - 1)


def _twice_below(rewards: Floats, others: Floats) -> Ints:
    """For each reward twice the number of `others` below it, equal ones counting half."""
    ordered = np.sort(others)
    return np.searchsorted(ordered, rewards, "left") + np.searchsorted(ordered, rewards, "right")


def _residuals(counts: Ints, clusters: Ints, total: int, num_clusters: int) -> Ints:
    """Sum in each cluster of counts minus their mean, times the number of counts."""
    sums = np.zeros(num_clusters, dtype=np.int64)
    np.add.at(sums, clusters, counts.size * counts - total)
    return sums
