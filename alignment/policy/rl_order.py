"""What a policy shall be trained on, from where, and for which rewards."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from alignment.digests import text_digest
from alignment.policy.checkpoints import Checkpoint
from alignment.policy.rl_rollouts import Rewarder
from alignment.policy.rl_settings import RLSettings
from alignment.randomness import generator
from alignment.records import Prompt


class RewardSource(NamedTuple):
    """What gives the rewards, and the facts that name it: with other facts it is another order."""

    rewarder: Rewarder
    facts: dict[str, str]


class Order(NamedTuple):
    """prompts: different ones, at least one; policy: the start, from which the KL is measured too."""

    settings: RLSettings
    prompts: Sequence[Prompt]
    policy: Checkpoint
    reward: RewardSource

    @property
    def data_digest(self) -> str:
        return text_digest(*(prompt.key for prompt in self.prompts))

    @property
    def identity(self) -> str:
        """Names the order: equal orders make equal policies."""
        known = json.dumps([asdict(self.settings), self.reward.facts], sort_keys=True)
        return text_digest(known, self.data_digest, self.policy.digest)

    @property
    def prompt_keys(self) -> list[str]:
        """`prompts_per_step` keys for each step and for the batch that is measured in the end.

        All prompts are used, shuffled anew, before one is used again. Written out beforehand, the order needs
        no state to be taken up again.
        """
        rng = generator(self.settings.seed, "prompt order")
        wanted = (self.settings.steps + 1) * self.settings.prompts_per_step
        places: list[int] = []
        while len(places) < wanted:
            places += rng.permutation(len(self.prompts)).tolist()
        return [self.prompts[place].key for place in places[:wanted]]
