"""What a kind of run does, seen by the worker: a command, its output, and the rows it leaves."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from alignment.artifacts import ArtifactStore
from annotate.models import Artifact, Run


def nothing(run: Run, output: Path) -> None:
    """Leave no rows beside the artifact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A command of `python -m alignment` and what becomes of its output.

    arguments: builds the command line, without --output, which is added;
    role: what the output is to the run and its children; output: its name;
    record: makes rows of it; they appear together with the run's success;
    read_result: where the run's result is the output itself, not what the command reports.
    """

    arguments: Callable[[Run], list[str]]
    role: str
    output: str
    record: Callable[[Run, Path], None] = nothing
    read_result: Callable[[Path], dict[str, Any]] | None = None


def store() -> ArtifactStore:
    """Where this installation keeps its artifacts."""
    return ArtifactStore(Path(settings.ARTIFACTS))


def frozen(digest: str) -> str:
    """The path of data that was frozen at launch, for a command line."""
    return str(store().verify(digest))


def left_by_parent(run: Run, role: str) -> str:
    """The path of what the run's parent left behind under `role`, for a command line."""
    return frozen(Artifact.objects.get(run__in=run.parents.all(), role=role).digest)


def options(config: dict[str, Any], *names: str) -> list[str]:
    """The named entries of a run's configuration as options of a command line."""
    return [word for name in names for word in (f"--{name}", str(config[name]))]


def models() -> list[str]:
    """The option that says where converted models are kept."""
    return ["--models", str(settings.MODELS)]


def read_json(path: Path) -> dict[str, Any]:
    """Read a report."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report
