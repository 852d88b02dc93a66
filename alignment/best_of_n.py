"""Best-of-n: of n candidates the one with the highest reward, and what to expect of every smaller n."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError
from alignment.records import PromptPool, PromptRewards, Selection


def select(pools: Sequence[PromptPool], rewards: Sequence[PromptRewards], n: int) -> list[Selection]:
    """Choose among the first n candidates of each pool; of equal rewards the first wins.

    Raises AlignmentError where rewards are missing, belong to another prompt or are not finite.
    """
    if n < 1:
        raise AlignmentError("n must be at least 1.")
    if len(pools) != len(rewards):
        raise AlignmentError(
            f"There are {len(pools)} pools but rewards for {len(rewards)} prompts; score this pool again."
        )
    return [_select(pool, reward, n) for pool, reward in zip(pools, rewards, strict=True)]


def _select(pool: PromptPool, rewards: PromptRewards, n: int) -> Selection:
    key = pool.prompt.key
    if key != rewards.prompt_key:
        raise AlignmentError(
            f"The rewards of prompt {rewards.prompt_key} stand where prompt {key} is; score this pool again."
        )
    if len(pool.candidates) != len(rewards.candidates):
        raise AlignmentError(
            f"Prompt {key} has {len(pool.candidates)} candidates and {len(rewards.candidates)} rewards; "
            "score this pool again."
        )
    if n > len(pool.candidates):
        raise AlignmentError(f"Prompt {key} has only {len(pool.candidates)} candidates; choose n up to that.")
    if not all(map(math.isfinite, (rewards.unaligned, *rewards.candidates))):
        raise AlignmentError(
            f"A reward of prompt {key} is not a finite number; train the reward model again."
        )
    index = max(range(n), key=lambda place: rewards.candidates[place])
    return Selection(
        prompt=pool.prompt,
        best=pool.candidates[index],
        unaligned=pool.unaligned,
        index=index,
        n=n,
        best_reward=rewards.candidates[index],
        unaligned_reward=rewards.unaligned,
    )


def kl_bound(n: int) -> float:
    """Upper bound, in nats, of the KL divergence of best-of-n from the distribution of its candidates.

    log n - (n - 1) / n: Stiennon et al. 2020, appendix G.3; a bound and not an equality by Beirami et al.
    2024, arXiv 2401.01879. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError("n must be at least 1.")
    return math.log(n) - (n - 1) / n


def expected_rewards(rewards: Sequence[Sequence[float]]) -> npt.NDArray[np.float64]:
    """Mean over prompts of the reward that best-of-k is expected to reach, for k = 1 … N.

    rewards: N candidates for each prompt. Each k uses all of them: of N rewards in rising order the i-th
    is the largest of k drawn without replacement with probability C(i - 1, k - 1) / C(N, k), which makes
    the estimate unbiased. Returns (N,). Raises ValueError for no prompts or unequal numbers of candidates.
    """
    if not rewards:
        raise ValueError("There are no rewards.")
    in_order = np.sort(np.array(rewards, dtype=np.float64), axis=1)  # (prompts, N)
    means: npt.NDArray[np.float64] = best_of_weights(in_order.shape[1]) @ in_order.mean(axis=0)
    return means


def best_of_weights(num: int) -> npt.NDArray[np.float64]:
    """C(i - 1, k - 1) / C(num, k) in row k and column i, both counted from 1. Each row sums to 1."""
    k = np.arange(1, num + 1)[:, None]
    rank = np.arange(1, num)[None, :]
    # From the last column down, w(i) = w(i + 1) (i - k + 1) / i: no factorial overflows.
    ratios = np.maximum(rank - k + 1, 0) / rank
    last = k / num
    below = last * np.cumprod(ratios[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([below, last], axis=1)
