"""Reinforcement learning from an order to a policy directory: the reward minus what moving away costs."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import torch

from alignment.errors import AlignmentError
from alignment.packages.origin import read_origin, write_origin
from alignment.policy.checkpoints import Policy
from alignment.policy.rl_card import RLCard
from alignment.policy.rl_learning import Outcome, learn
from alignment.policy.rl_order import Order
from alignment.progress import Progress, silent
from alignment.training.attempts import memory_notes
from alignment.training.lineage import code_versions
from alignment.training.workshop import open_workshop


def train(order: Order, output: Path, *, progress: Progress = silent) -> RLCard:
    """Train into the directory `output`; the same order given again goes on where it stopped.

    Raises AlignmentError when a stop rule holds before there is a good checkpoint, or when `output` holds
    something else.
    """
    if output.exists():
        return _finished(order, output)
    if torch.cuda.device_count() > 1:
        raise AlignmentError("Reinforcement learning uses one accelerator; name it in CUDA_VISIBLE_DEVICES.")
    workshop = open_workshop(output, order.identity)
    outcome = learn(order, workshop, progress=progress)
    card = _card(order, outcome, memory_notes(workshop))
    _write(outcome.policy, order.policy.directory, card, workshop.model)
    workshop.deliver(output)
    return card


def _finished(order: Order, output: Path) -> RLCard:
    card = RLCard.read(output)
    if card.identity != order.identity:
        raise AlignmentError(f"{output} already holds a policy trained otherwise; choose another place.")
    return card


def _card(order: Order, outcome: Outcome, notes: tuple[str, ...]) -> RLCard:
    languages = [prompt.language for prompt in order.prompts]
    cut = [one.prompt.language for one in outcome.inputs if one.truncated]
    return RLCard(
        identity=order.identity,
        settings=asdict(order.settings) | {"languages": list(order.settings.languages)},
        data_digest=order.data_digest,
        prompts=dict(sorted(Counter(languages).items())),
        truncated=dict(sorted(Counter(cut).items())),
        policy={name: str(value) for name, value in order.policy._asdict().items() if name != "directory"},
        reward_model=order.reward.facts,
        code=code_versions(),
        metrics=outcome.metrics,
        step=outcome.step,
        stopped=outcome.stopped,
        notes=list(notes),
    )


def _write(policy: Policy, source: Path, card: RLCard, place: Path) -> None:
    """A directory that `sample` takes as is, with what is known of the start's origin and licence."""
    policy.model.save_pretrained(place)
    policy.tokenizer.save_pretrained(place)
    card.write(place)
    record = read_origin(source)
    if record:
        write_origin(place, record.origin)
