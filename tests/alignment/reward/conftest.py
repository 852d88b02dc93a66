"""Small feedback whose right answer is a word, and the tiny checkpoints as backbones."""

import random

import pytest

from alignment.policy.checkpoints import Checkpoint, prepare
from alignment.records import Preference, Prompt, Rating
from alignment.reward.formatting import Layout
from alignment.reward.model import load_extractor
from alignment.reward.settings import Method, RewardSettings
from alignment.training.settings import FineTuning

WARM = ("kind", "sunny", "happy", "warm")
COLD = ("grey", "angry", "cold", "cruel")
NOUNS = ("morning", "kitchen", "garden", "street", "teacher", "dog", "river", "letter")


def line(words: tuple[str, ...], number: int) -> str:
    chance = random.Random(number)  # noqa: S311  no secret
    return f"The {chance.choice(NOUNS)} was {chance.choice(words)} and {chance.choice(words)}" + "." * (
        number % 3
    )


def ratings(count: int, *, split: str = "train", language: str = "en") -> list[Rating]:
    prompt = Prompt(text="", language=language, split=split)
    return [
        Rating(prompt=prompt, response=line(WARM if good else COLD, number), good=good)
        for number in range(count)
        for good in [number % 2 == 0]
    ]


def pairs(count: int, *, split: str = "train", language: str = "en") -> list[Preference]:
    return [
        Preference(
            prompt=Prompt(text=f"Tell me about number {number}.", language=language, split=split),
            chosen=line(WARM, number),
            rejected=line(COLD, number),
        )
        for number in range(count)
    ]


def settings(method: Method = Method.FROZEN, **changes) -> RewardSettings:
    given = {"task": "continuation", "method": method, "seed": 7, "max_tokens": 64, **changes}
    return RewardSettings(**given)


def quick(**changes) -> FineTuning:
    return FineTuning(
        **{"epochs": 1.0, "learning_rate": 1e-3, "batch_size": 4, "checkpoint_every": 3, **changes}
    )


@pytest.fixture(params=["tiny_policy", "tiny_encoder"])
def backbone(request, tmp_path_factory) -> Checkpoint:
    """A causal backbone, then an encoder."""
    directory = request.getfixturevalue(request.param)
    return prepare(str(directory), (), tmp_path_factory.getbasetemp())


@pytest.fixture
def encoder(tiny_encoder, tmp_path) -> Checkpoint:
    return prepare(str(tiny_encoder), (), tmp_path)


@pytest.fixture
def extractor(backbone):
    return load_extractor(backbone.directory, Layout(delimiter=" ", cuts_end=False, max_tokens=64))
