"""Supervised fine-tuning from an order to a policy directory: a policy learns to write what it is shown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from alignment.data.demonstrations import demonstrations_digest
from alignment.digests import text_digest
from alignment.errors import AlignmentError
from alignment.memory import Batch
from alignment.policy.checkpoints import Checkpoint
from alignment.policy.sft_card import SFTCard
from alignment.policy.sft_examples import check_languages
from alignment.policy.sft_learning import Learned, learn
from alignment.policy.sft_settings import SFTSettings
from alignment.progress import Progress, silent
from alignment.records import Demonstration
from alignment.training.attempts import memory_notes, train_within_memory
from alignment.training.checkpointing import ProgressCallback
from alignment.training.lineage import code_versions
from alignment.training.workshop import open_workshop


class Order(NamedTuple):
    """What to learn, and which policy learns it."""

    settings: SFTSettings
    lines: Sequence[Demonstration]
    base: Checkpoint

    @property
    def identity(self) -> str:
        """Names the order: equal orders make equal policies."""
        settings = json.dumps(asdict(self.settings), sort_keys=True)
        return text_digest("sft", settings, demonstrations_digest(self.lines), self.base.digest)


def train(order: Order, output: Path, *, progress: Progress = silent) -> SFTCard:
    """Fine-tune into the directory `output`; the same order given again goes on where it stopped.

    What `progress` raises is raised again once a checkpoint has been saved. Raises AlignmentError when the
    data cannot be learned from, or when `output` holds something else.
    """
    if output.exists():
        return _finished(order, output)
    check_languages(order.lines, order.settings.languages)
    workshop = open_workshop(output, order.identity)
    callback = ProgressCallback(progress)

    def attempt(batch: Batch) -> Learned:
        return learn(order.settings, order.lines, order.base.directory, batch, workshop, callback)

    batch_size = order.settings.fine_tuning.batch_size
    learned = train_within_memory(workshop, batch_size, attempt, callback.say)
    card = _card(order, learned)
    card = replace(card, notes=(*learned.notes, *memory_notes(workshop)))
    card.write(workshop.model)
    workshop.deliver(output)
    return card


def _finished(order: Order, output: Path) -> SFTCard:
    card = SFTCard.read(output)
    if card.identity != order.identity:
        raise AlignmentError(f"{output} already holds a policy trained otherwise; choose another place.")
    return card


def _card(order: Order, learned: Learned) -> SFTCard:
    return SFTCard(
        identity=order.identity,
        settings=asdict(order.settings) | {"languages": list(order.settings.languages)},
        data_digest=demonstrations_digest(order.lines),
        base={name: str(value) for name, value in order.base._asdict().items() if name != "directory"},
        code=code_versions(),
        counts=learned.counts,
        max_tokens=learned.max_tokens,
        losses=learned.losses,
        validation=learned.validation,
        step=learned.step,
        notes=(),
    )
