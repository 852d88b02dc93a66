"""The work of an experiment: its runs as a drawing and a table, how much is done, what it took and takes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Min, Prefetch

from annotate.models import Experiment, Run
from annotate.services.blocks import Block, Cell, Node
from annotate.services.graph import Graph, lay_out
from annotate.services.hours import Spent, spent
from annotate.services.rates import Rates, measured
from annotate.services.remaining import Remaining, at_own_pace, remaining
from annotate.services.workers import alive

LONG_FIELDS = ("metrics", "samples", "notes", "command", "result", "error")


class WorkRow(NamedTuple):
    """A run, for a row. seconds_left: by its own pace; reused_from: an earlier experiment that made it."""

    run: Run
    seconds_left: float | None
    reused_from: Experiment | None


class DrawnRun(NamedTuple):
    """A run with its place in the drawing, written as SVG wants it."""

    cell: Cell
    row: WorkRow

    @property
    def transform(self) -> str:
        return f"translate({self.cell.x:g} {self.cell.y:g})"

    @property
    def width(self) -> str:
        return f"{self.cell.width:g}"

    @property
    def middle(self) -> str:
        return f"{self.cell.width / 2:g}"

    @property
    def done_width(self) -> str:
        """Of the part of its box that is done."""
        return f"{self.cell.width * self.row.run.percent / 100:g}"

    @property
    def words(self) -> str:
        """What it is, for those who do not see the drawing, and for those who point at it."""
        run, maker = self.row.run, self.row.reused_from
        done = f", {run.done} of {run.total} {run.unit}".rstrip() if run.total else ""
        return f"{run}: {run.get_status_display().lower()}{done}{f', reused from {maker}' if maker else ''}"


class DrawnKind(NamedTuple):
    """The runs of one kind with their places."""

    name: str
    block: Block
    runs: list[DrawnRun]

    @property
    def num_succeeded(self) -> int:
        return sum(drawn.row.run.status == Run.Status.SUCCEEDED for drawn in self.runs)


class Work(NamedTuple):
    """All that the page of an experiment says of its runs."""

    rows: list[WorkRow]
    graph: Graph
    kinds: list[DrawnKind]
    remaining: Remaining
    spent: Spent

    @property
    def num_succeeded(self) -> int:
        return sum(row.run.status == Run.Status.SUCCEEDED for row in self.rows)

    @property
    def num_reused(self) -> int:
        return sum(row.reused_from is not None for row in self.rows)

    @property
    def stopped(self) -> list[Run]:
        """Runs that failed or were cancelled."""
        return [
            row.run for row in self.rows if row.run.is_terminal and row.run.status != Run.Status.SUCCEEDED
        ]

    @property
    def is_finished(self) -> bool:
        """Nothing will change any more, unless somebody asks for a retry."""
        return all(row.run.is_terminal for row in self.rows)


def work_of(experiment: Experiment, *, now: datetime) -> Work:
    """Read it with the same number of queries however many runs there are."""
    parents = Prefetch("parents", Run.objects.only("kind", "config"))
    runs = list(experiment.runs.defer(*LONG_FIELDS).prefetch_related("attempts", parents))
    is_finished = all(run.is_terminal for run in runs)
    makers = _makers(experiment)
    rows = [WorkRow(run, at_own_pace(run, run.attempts.all()), makers.get(run.pk)) for run in runs]
    graph = lay_out([_node(run) for run in runs], title=_title)
    attempts = {run.pk: list(run.attempts.all()) for run in runs}
    return Work(
        rows,
        graph,
        _drawn(graph, {row.run.pk: row for row in rows}),
        remaining(
            runs,
            attempts,
            Rates(()) if is_finished else measured(),
            num_workers=0 if is_finished else alive(now).count(),
        ),
        spent(sum(attempts.values(), []), launched_at=experiment.created_at, now=now),
    )


def _makers(experiment: Experiment) -> dict[int, Experiment]:
    """For each run that an earlier experiment asked for first, that experiment."""
    links = Run.experiments.through.objects.filter(run__experiments=experiment)
    firsts = dict(links.values_list("run_id").annotate(Min("experiment_id")))
    makers = Experiment.objects.only("name").in_bulk({pk for pk in firsts.values() if pk < experiment.pk})
    return {run: makers[first] for run, first in firsts.items() if first in makers}


def _node(run: Run) -> Node:
    return Node(
        pk=run.pk,
        kind=run.kind,
        source=run.source_id or "",
        target=run.target_id or "",
        parents=tuple(parent.pk for parent in run.parents.all()),
    )


def _title(kind: str) -> str:
    name = str(Run.Kind(kind).label)
    return name[0].upper() + name[1:]


def _drawn(graph: Graph, rows: Mapping[int, WorkRow]) -> list[DrawnKind]:
    return [DrawnKind(_title(block.kind), block, _places(block.cells, rows)) for block in graph.blocks]


def _places(cells: Sequence[Cell], rows: Mapping[int, WorkRow]) -> list[DrawnRun]:
    return [DrawnRun(cell, rows[cell.pk]) for cell in cells]
