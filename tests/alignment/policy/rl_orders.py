"""A small order for reinforcement learning, with rewards that a few steps can raise."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alignment.policy.checkpoints import prepare
from alignment.policy.rl_order import Order, RewardSource
from alignment.policy.rl_settings import RLSettings
from alignment.progress import Step
from alignment.records import Prompt
from alignment.reward.formatting import Response

OPENINGS = ("The morning light", "A", "We lost the match, but nobody on the bus home", "Meine Großmutter")
PROMPTS = [Prompt(text=text, language="en") for text in OPENINGS]


def likes_vowels(responses: Sequence[Response]) -> np.ndarray:
    """The share of a response's letters that are vowels, in tenths."""
    return np.array([10 * np.mean([letter in "aeiou" for letter in text or "-"]) for _, text in responses])


def settings(**changes) -> RLSettings:
    given = {"task": "continuation", "languages": ("de", "en"), "seed": 3, "steps": 6, "checkpoint_every": 2}
    given |= {"max_response_tokens": 6, "batch_size": 8, "group": 4, "learning_rate": 1e-3, "kl_weight": 0.01}
    return RLSettings(**given | changes)


def order(policy: Path, rewarder=likes_vowels, **changes) -> Order:
    start = prepare(str(policy), (), policy.parent)
    return Order(settings(**changes), PROMPTS, start, RewardSource(rewarder, {"name": rewarder.__name__}))


def stop_at(number: int):
    """A progress that stops the work after this step."""

    def report(step: Step) -> None:
        if step.done == number:
            raise InterruptedError

    return report


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
