"""Give a reward to every response of a pool."""

from collections.abc import Callable, Iterator, Sequence

from alignment.progress import Step
from alignment.records import PromptPool, PromptRewards
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.formatting import Response
from alignment.reward.model import RewardModel

RESPONSES_PER_BLOCK = 256  # enough to fill batches of each length


def score_pool(
    model: RewardModel,
    pools: Sequence[PromptPool],
    *,
    cache: FeatureCache | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Iterator[PromptRewards]:
    """The rewards of each prompt's pool, in order.

    A reward depends on no other response, so any part of the pools may be scored at any time. A causal
    backbone reads each prompt once. say: told when the memory does not suffice for a batch.
    """

    def report(step: Step) -> None:
        if step.note:
            say(step.note)

    if not pools:
        return
    size = max(1, RESPONSES_PER_BLOCK // len(pool_responses(pools[0])))
    for start in range(0, len(pools), size):
        block = pools[start : start + size]
        responses = [one for pool in block for one in pool_responses(pool)]
        rewards = iter(model.rewards(responses, cache=cache, progress=report, share_prompts=True).tolist())
        for pool in block:
            yield PromptRewards(
                prompt_key=pool.prompt.key,
                unaligned=next(rewards),
                candidates=tuple(next(rewards) for _ in pool.candidates),
            )


def pool_responses(pool: PromptPool) -> list[Response]:
    """The unaligned response, then the candidates."""
    return [(pool.prompt, response.text) for response in (pool.unaligned, *pool.candidates)]
