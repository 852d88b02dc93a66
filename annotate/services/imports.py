"""Imports: the lines of a file become rows, batch by batch; importing them again adds nothing."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from django.db import transaction
from django.db.models.functions import Now

from alignment import records
from alignment.data.formats.format import Defaults, Format
from alignment.data.reading import Line, read_lines
from alignment.errors import AlignmentError
from alignment.jsonl import BrokenLine
from alignment.tasks import task_named
from annotate.errors import AnnotateError, UnknownNameError
from annotate.models import PromptSet
from annotate.services.import_rows import Placed, Places, prompt_of, write_rows
from annotate.services.import_verdicts import Outcome, store_preferences, store_ratings

LINES_AT_ONCE = 1000
BROKEN_SHOWN = 20
KINDS = {
    records.Prompt: "prompts",
    records.SystemResponse: "responses",
    records.Preference: "preferences",
    records.Rating: "ratings",
}
CONTRADICTED = "These responses were judged the other way before, in this file or in an earlier import."


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportPlan:
    """How to read a file and what for. dry_run: find out what would happen, and keep nothing."""

    format: Format
    task: str
    defaults: Defaults = Defaults()
    licence: str = ""
    dry_run: bool = False


class Group(NamedTuple):
    """Lines that are counted together."""

    kind: str
    dataset: str
    language: str
    split: str


class Stored(NamedTuple):
    """A line whose rows are there now; is_new: they were not there before."""

    number: int
    group: Group
    is_new: bool


@dataclass(kw_only=True, slots=True)
class ImportReport:
    """What became of the lines: added by group, already there, broken (the first BROKEN_SHOWN are kept)."""

    added: Counter[Group] = field(default_factory=Counter)
    num_known: int = 0
    num_broken: int = 0
    broken: list[BrokenLine] = field(default_factory=list)

    @property
    def num_added(self) -> int:
        return self.added.total()

    @property
    def is_useless(self) -> bool:
        """There were lines, and not one of them could be used."""
        return self.num_broken > 0 and not self.num_added and not self.num_known

    def __str__(self) -> str:
        return f"{self.num_added:,} added, {self.num_known:,} already there, {self.num_broken:,} broken"

    def count(self, result: Stored | BrokenLine) -> None:
        """Take one line into the counts."""
        if isinstance(result, Stored):
            self.added.update([result.group] if result.is_new else [])
            self.num_known += not result.is_new
            return
        self.num_broken += 1
        if len(self.broken) < BROKEN_SHOWN:
            self.broken.append(result)


def import_file(
    file: BinaryIO, plan: ImportPlan, *, now: datetime, on_broken: Callable[[BrokenLine], None] | None = None
) -> ImportReport:
    """Store what is new in a file. on_broken hears of every broken line, in order.

    Each batch is one transaction, so an interruption keeps what came before it, and the import can be
    repeated. A dry run is one transaction, undone at its end. Raises UnknownNameError for a task.
    """
    try:
        task_named(plan.task)
    except AlignmentError as error:
        raise UnknownNameError(str(error)) from error
    with transaction.atomic() if plan.dry_run else nullcontext():
        report = _import_batches(file, plan, now=now, on_broken=on_broken or (lambda line: None))
        if plan.dry_run:
            transaction.set_rollback(True)
    return report


def facts_of(plan: ImportPlan, report: ImportReport, name: str) -> dict[str, Any]:
    """What the audit trail keeps of an import."""
    facts = {"file": name, "format": plan.format.key, "task": plan.task}
    datasets = sorted({group.dataset for group in report.added})
    counts = {"added": report.num_added, "already there": report.num_known, "broken": report.num_broken}
    return {**facts, "data_sets": datasets, **counts}


def _import_batches(
    file: BinaryIO, plan: ImportPlan, *, now: datetime, on_broken: Callable[[BrokenLine], None]
) -> ImportReport:
    defaults = replace(plan.defaults, dataset=plan.defaults.dataset or plan.format.dataset)
    lines = read_lines(file, plan.format.start(defaults))
    report = ImportReport()
    while batch := list(islice(lines, LINES_AT_ONCE)):
        for result in _store(batch, plan, now=now):
            report.count(result)
            if isinstance(result, BrokenLine):
                on_broken(result)
    return report


@transaction.atomic
def _store(lines: Sequence[Line], plan: ImportPlan, *, now: datetime) -> list[Stored | BrokenLine]:
    """Store what is new in the lines. Each comes back, in order, with what became of it."""
    placed, broken = _place(lines, Places(task=plan.task, licence=plan.licence or plan.format.licence))
    written = write_rows(placed)
    outcomes = {
        **{line.placed.number: Outcome.NEW if line.is_new else Outcome.KNOWN for line in written},
        **store_ratings(written),
        **store_preferences(written, task=plan.task, now=now),
    }
    changed = {line.placed.prompt_set.pk for line in written if outcomes[line.placed.number] == Outcome.NEW}
    PromptSet.objects.filter(pk__in=changed).update(changed_at=Now())
    results = [_result(line.placed, outcomes[line.placed.number]) for line in written]
    return sorted([*results, *broken], key=lambda result: result.number)


def _place(lines: Sequence[Line], places: Places) -> tuple[list[Placed], list[BrokenLine]]:
    """Find where each line belongs; one that belongs nowhere is broken."""
    placed, broken = [], []
    for number, content in lines:
        if isinstance(content, BrokenLine):
            broken.append(content)
            continue
        try:
            placed.append(places.place(number, content))
        except AnnotateError as error:
            broken.append(BrokenLine(number, str(error)))
    places.hold()
    return placed, broken


def _result(line: Placed, outcome: Outcome) -> Stored | BrokenLine:
    if outcome is Outcome.CONTRADICTED:
        return BrokenLine(line.number, CONTRADICTED)
    prompt = prompt_of(line.record)
    group = Group(KINDS[type(line.record)], prompt.dataset, prompt.language, prompt.split)
    return Stored(line.number, group, outcome is Outcome.NEW)
