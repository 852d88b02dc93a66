"""The directory beside a model's place where it is made, so that the place is empty or whole."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from alignment.members import num_processes
from alignment.training.processes import first_alone

ORDER_NAME = "order"


class Workshop(NamedTuple):
    """model: what is in the making, a reward model or a policy; checkpoints: those of its training."""

    directory: Path

    @property
    def model(self) -> Path:
        return self.directory / "model"

    @property
    def checkpoints(self) -> Path:
        return self.directory / "checkpoints"

    def deliver(self, place: Path) -> None:
        """Move the model to its place and clean up."""
        self.model.rename(place)
        shutil.rmtree(self.directory)


def open_workshop(place: Path, identity: str) -> Workshop:
    """The workshop for `place`, with the checkpoints left by the same order and nothing left by another.

    Another number of processes makes another order: their checkpoints do not fit each other.
    """
    workshop = Workshop(place.with_name(place.name + ".partial"))
    shared = f" in {num_processes()} processes" if num_processes() > 1 else ""
    first_alone(lambda: _prepare(workshop, identity + shared))
    return workshop


def _prepare(workshop: Workshop, identity: str) -> None:
    order = workshop.directory / ORDER_NAME
    if not order.is_file() or order.read_text(encoding="utf-8") != identity:
        shutil.rmtree(workshop.directory, ignore_errors=True)
        workshop.directory.mkdir(parents=True)
        order.write_text(identity, encoding="utf-8")
    shutil.rmtree(workshop.model, ignore_errors=True)
    workshop.model.mkdir()


def link_files(source: Path, target: Path) -> None:
    """The files of a directory under a second name, or copied where the file system cannot do that.

    Checkpoints are never changed in place, so both may share the bytes.
    """
    target.mkdir(parents=True)
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), place)
        except OSError:
            shutil.copyfile(path, place)
