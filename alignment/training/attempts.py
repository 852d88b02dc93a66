"""Training that does not end with the memory: once, the batch is halved and the work taken up again."""

import json
from collections.abc import Callable
from typing import TypeVar

from alignment.errors import AlignmentError
from alignment.members import StartAgainError, num_processes
from alignment.memory import Batch, is_out_of_memory, release
from alignment.training.workshop import Workshop

BATCH_NAME = "batch.json"  # in the workshop: how the batch is computed since the memory did not suffice
Trained = TypeVar("Trained")


def train_within_memory(
    workshop: Workshop, batch_size: int, attempt: Callable[[Batch], Trained], say: Callable[[str], None]
) -> Trained:
    """Call `attempt` with the whole batch; where the memory does not suffice, again with the batch in halves.

    attempt: loads all that it trains, and goes on from the newest checkpoint of the workshop. say: is told
    of the halving, once; the workshop remembers it. Raises AlignmentError when halves are too large, too.
    """
    while True:
        batch = _batch(workshop, batch_size)
        try:
            return attempt(batch)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if not batch.divisible:
                raise _refusal(batch) from error
        release()
        note = _halve(workshop, batch)
        say(note)
        if num_processes() > 1:
            raise StartAgainError(note)  # the others wait for this process in the middle of a step


def memory_notes(workshop: Workshop) -> tuple[str, ...]:
    """What was said about the memory while this workshop was in use."""
    path = workshop.directory / BATCH_NAME
    return (json.loads(path.read_text(encoding="utf-8"))["note"],) if path.is_file() else ()


def _batch(workshop: Workshop, batch_size: int) -> Batch:
    path = workshop.directory / BATCH_NAME
    if not path.is_file():
        return Batch(batch_size // num_processes())
    known = json.loads(path.read_text(encoding="utf-8"))
    return Batch(known["per_device"], known["accumulation"])


def _halve(workshop: Workshop, batch: Batch) -> str:
    """Remember the halves for whoever takes up the work after a restart. Returns the sentence about them."""
    halved = batch.halved()
    note = (
        f"The memory did not suffice for {batch.per_device} examples at once, so from the newest checkpoint "
        f"on each batch of {batch.size} is computed in {halved.accumulation} parts of {halved.per_device}; "
        "the results change by rounding only."
    )
    partial = workshop.directory / f"{BATCH_NAME}.partial"
    partial.write_text(json.dumps({**halved._asdict(), "note": note}), encoding="utf-8")
    partial.replace(workshop.directory / BATCH_NAME)
    return note


def _refusal(batch: Batch) -> AlignmentError:
    return AlignmentError(
        f"The memory does not suffice for training on {batch.per_device} examples at once; give a smaller "
        "batch or fewer tokens, choose a smaller model or the method lora, or take a larger machine."
    )
