"""How far a policy has moved from its reference, in nats, and what win rate that buys.

Shapes: R responses that the policy wrote, T tokens of a response (its own number for each).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.best_of_n import kl_bound
from alignment.statistics.clustering import mean_of_group_means
from alignment.statistics.columns import Floats, encode, read_numbers, require_equal_sizes
from alignment.statistics.intervals import quantile
from alignment.statistics.resampling import sums_by
from alignment.statistics.win_rate import WinRate

_ROUNDING = 1e-3  # half precision


class Estimator(StrEnum):
    """Schulman (2020), "Approximating KL divergence"; both unbiased. k2 is biased and left out.

    K1: the log ratio of policy and reference, which may come out below 0 on single responses.
    K3: ratio - 1 - log ratio of reference and policy, token by token: never below 0, and steadier as long as
    the two are close.
    """

    K1 = "k1"
    K3 = "k3"


class Divergence(NamedTuple):
    """KL divergence of whole responses, policy from reference, in nats: the mean over prompts.

    low: not below 0 unless the estimate is. Where policy and reference agree on every token, all three are 0.
    """

    kl: float
    low: float
    high: float
    confidence: float
    num_prompts: int
    num_responses: int
    method: str


class KlPoint(NamedTuple):
    """A win rate at a divergence. is_bound: `kl` is the most that it can be, as with best-of-n."""

    kl: float
    kl_low: float
    kl_high: float
    win_rate: WinRate
    is_bound: bool


def divergence(
    policy: Sequence[ArrayLike],
    reference: Sequence[ArrayLike],
    prompts: ArrayLike,
    *,
    estimator: Estimator,
    confidence: float = 0.95,
) -> Divergence:
    """KL of policy from reference by responses (R,) that the policy wrote at temperature 1, nothing cut off.

    policy, reference: log-probabilities (T,) of the tokens of each response. prompts (R,). Each prompt counts
    the same; the t interval is that of the prompt means. ValueError for fewer than two prompts.
    """
    values = sequence_kl(policy, reference, estimator=estimator)
    clusters = encode(prompts).codes
    require_equal_sizes(values, clusters)
    sums = sums_by(clusters, np.stack([values, np.ones_like(values)], axis=1))
    num_prompts = sums.shape[0]
    if num_prompts < 2:
        raise ValueError("An interval of the divergence needs at least two prompts.")
    one_cell = np.zeros(num_prompts, dtype=np.int64)
    mean = mean_of_group_means(sums[:, 0] / sums[:, 1], one_cell, num_cells=1).estimate(0)
    half_width = quantile(confidence, mean.df) * mean.variance**0.5
    return Divergence(
        kl=mean.mean,
        low=min(mean.mean, max(0.0, mean.mean - half_width)),
        high=mean.mean + half_width,
        confidence=confidence,
        num_prompts=num_prompts,
        num_responses=values.size,
        method=f"{Estimator(estimator)}, mean over prompts; t interval by prompt",
    )


def sequence_kl(
    policy: Sequence[ArrayLike], reference: Sequence[ArrayLike], *, estimator: Estimator
) -> Floats:
    """What each response says of the divergence (R,): the sum over its tokens; see `divergence`."""
    if len(policy) != len(reference):
        raise ValueError("All columns must have the same length.")
    return np.array(
        [
            _token_kl(ours, theirs, Estimator(estimator)).sum()
            for ours, theirs in zip(policy, reference, strict=True)
        ]
    )


def best_of_n_points(win_rates: Mapping[int, WinRate]) -> list[KlPoint]:
    """The win rate of best-of-n for each n, in rising order, at the most that its divergence can be."""
    return [
        KlPoint(kl_bound(n), 0.0, kl_bound(n), rate, is_bound=True) for n, rate in sorted(win_rates.items())
    ]


def policy_point(measured: Divergence, win_rate: WinRate) -> KlPoint:
    """The win rate of a trained policy at its measured divergence from where it started."""
    return KlPoint(measured.kl, measured.low, measured.high, win_rate, is_bound=False)


def _token_kl(policy: ArrayLike, reference: ArrayLike, estimator: Estimator) -> Floats:
    ours, theirs = read_numbers(policy, "Log-probabilities"), read_numbers(reference, "Log-probabilities")
    require_equal_sizes(ours, theirs)
    if max(ours.max(), theirs.max()) > _ROUNDING:
        raise ValueError("Log-probabilities are not above 0.")
    if estimator is Estimator.K1:
        return ours - theirs
    return np.expm1(theirs - ours) - (theirs - ours)
