"""How a command shows where it stands: a bar for people, JSON Lines for programs."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from alignment.progress import Step

STYLES = ("bar", "json", "none")


class Reporter(Protocol):
    """Shows each step, and the result at the end."""

    def step(self, step: Step) -> None: ...

    def result(self, result: dict[str, Any]) -> None: ...

    def running(self) -> AbstractContextManager[Any]:
        """What is around the work."""


class Lines:
    """JSON on `output`: a line per step, then one with the result."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def step(self, step: Step) -> None:
        self._write(asdict(step))

    def result(self, result: dict[str, Any]) -> None:
        self._write({"result": result})

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def _write(self, value: dict[str, Any]) -> None:
        self._output.write(json.dumps(value, ensure_ascii=False) + "\n")
        self._output.flush()


class Quiet:
    """Only the result, as indented JSON on `output`."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def step(self, step: Step) -> None:
        pass

    def result(self, result: dict[str, Any]) -> None:
        self._output.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()


class Bars(Quiet):
    """A bar for each unit of work on `screen`, with the newest metrics; then the result."""

    def __init__(self, output: TextIO, screen: TextIO) -> None:
        super().__init__(output)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=Console(file=screen),
        )
        self._tasks: dict[str, TaskID] = {}

    def step(self, step: Step) -> None:
        if step.unit not in self._tasks:
            self._tasks[step.unit] = self._bars.add_task(step.unit, metrics="")
        metrics = "  ".join(f"{name} {value:.4g}" for name, value in step.metrics.items())
        self._bars.update(self._tasks[step.unit], completed=step.done, total=step.total, metrics=metrics)
        for line in filter(None, (step.text, step.note)):
            self._bars.console.print(line, markup=False, highlight=False)

    def running(self) -> AbstractContextManager[Any]:
        return self._bars


def reporter_for(style: str, output: TextIO, screen: TextIO) -> Reporter:
    """style: one of STYLES."""
    if style == "json":
        return Lines(output)
    return Bars(output, screen) if style == "bar" else Quiet(output)
