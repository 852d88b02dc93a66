"""The plan of an experiment before anything is launched: what it makes, reuses, takes and asks of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from annotate.models import Experiment, Language, Run
from annotate.planning import plan_runs
from annotate.services.disk import Disk, disk_for
from annotate.services.freezing import measure, plan_of
from annotate.services.panels import Panel, panels
from annotate.services.rates import Rates, measured
from annotate.services.refusals import refusals
from annotate.services.reuse import Standing, standings, worked_on


class PlannedKind(NamedTuple):
    """The runs of one kind. seconds, num_bytes: of those to be worked on, None where nothing was measured;
    basis: what the seconds rest on.
    """

    name: str
    queue: str
    standings: list[Standing]
    seconds: float | None
    basis: str
    num_bytes: int | None

    @property
    def num_runs(self) -> int:
        return len(self.standings)

    @property
    def num_worked_on(self) -> int:
        """Those that are new, or start again."""
        return sum(standing.is_worked_on for standing in self.standings)

    @property
    def num_shared(self) -> int:
        """Those that are done, or under way already."""
        return self.num_runs - self.num_worked_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """refusals: why it cannot be launched, each with what mends it."""

    experiment: Experiment
    kinds: list[PlannedKind]
    panels: list[Panel]
    disk: Disk
    refusals: list[str]

    @property
    def num_runs(self) -> int:
        return sum(kind.num_runs for kind in self.kinds)

    @property
    def num_worked_on(self) -> int:
        return sum(kind.num_worked_on for kind in self.kinds)

    @property
    def num_votes(self) -> int:
        return sum(panel.num_votes for panel in self.panels)

    @property
    def num_comparisons(self) -> int:
        return sum(panel.num_comparisons for panel in self.panels)

    @property
    def num_responses(self) -> int:
        """To be sampled; those of pools that are there already are not."""
        pools = [standing for kind in self.kinds for standing in kind.standings if _is_new_pool(standing)]
        return sum(pool.planned.num_units for pool in pools)

    @property
    def seconds(self) -> float:
        """Of one worker that does everything, as far as it was measured."""
        return sum(kind.seconds or 0.0 for kind in self.kinds)

    @property
    def not_measured(self) -> list[str]:
        """Kinds of runs that were never done here, so that nobody knows how long they take."""
        return [kind.name for kind in self.kinds if kind.num_worked_on and kind.seconds is None]

    @property
    def not_sized(self) -> list[str]:
        """Kinds of runs of which nobody knows how much room they take."""
        return [kind.name for kind in self.kinds if kind.num_worked_on and kind.num_bytes is None]

    @property
    def is_wide_enough(self) -> bool:
        """Every target has prompts enough for the wanted half-width."""
        return all(panel.is_wide_enough for panel in self.panels)

    @property
    def restarted(self) -> list[Standing]:
        """Runs that failed or were cancelled, and would start again."""
        return [standing for standing in self.existing if standing.is_worked_on]

    @property
    def shared(self) -> list[Standing]:
        """Runs that are done, or under way."""
        return [standing for standing in self.existing if not standing.is_worked_on]

    @property
    def existing(self) -> list[Standing]:
        """The runs that are there already, in the order of the plan."""
        return [standing for kind in self.kinds for standing in kind.standings if not standing.is_new]


def preview(experiment: Experiment, *, sources: Sequence[Language], targets: Sequence[Language]) -> Preview:
    """What launching this would do now. Nothing is written, neither rows nor files."""
    plan = plan_of(experiment, [row.tag for row in sources], [row.tag for row in targets], measure)
    found = standings(plan_runs(plan))
    disk = disk_for(worked_on(found))
    reasons = refusals(experiment, plan, sources=sources, targets=targets)
    return Preview(
        experiment=experiment,
        kinds=_kinds(found, disk),
        panels=panels(experiment, plan, targets),
        disk=disk,
        refusals=[*reasons, *disk.refusals()],
    )


def _is_new_pool(standing: Standing) -> bool:
    return standing.is_worked_on and standing.planned.kind == Run.Kind.SAMPLE


def _kinds(found: Sequence[Standing], disk: Disk) -> list[PlannedKind]:
    rates = measured()
    by_kind = groupby(found, lambda standing: standing.planned.kind)  # the planner keeps kinds together
    return [_kind(kind, list(of_kind), rates, disk) for kind, of_kind in by_kind]


def _kind(kind: str, found: list[Standing], rates: Rates, disk: Disk) -> PlannedKind:
    runs = worked_on(found)
    estimates = [rates.estimate(kind, run.num_units, model=run.model) for run in runs]
    known = [estimate for estimate in estimates if estimate]
    return PlannedKind(
        name=Run.Kind(kind).label,
        queue=found[0].planned.queue,
        standings=found,
        seconds=sum(estimate.seconds for estimate in known) if len(known) == len(runs) else None,
        basis=known[0].basis if known else "",
        num_bytes=disk.by_kind.get(kind, 0),
    )
