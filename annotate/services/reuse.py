"""Which planned runs exist already, and whose they are."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Q

from annotate.models import AuditEntry, Experiment, Run
from annotate.planning import PlannedRun

BROKEN = (Run.Status.FAILED, Run.Status.CANCELLED)


class Standing(NamedTuple):
    """A planned run and the run that is there already, if any; sentence: what becomes of it, "" if new."""

    planned: PlannedRun
    run: Run | None
    sentence: str

    @property
    def is_new(self) -> bool:
        return self.run is None

    @property
    def is_worked_on(self) -> bool:
        """Launching makes workers do it, or start it again."""
        return self.run is None or self.run.status in BROKEN


def standings(planned: Sequence[PlannedRun]) -> list[Standing]:
    """In the order of the plan; a fixed number of queries."""
    identities = [run.identity for run in planned]
    rows = Run.objects.filter(identity__in=identities).prefetch_related("experiments")
    found = {run.identity: run for run in rows}
    cancelled = [run for run in found.values() if run.status == Run.Status.CANCELLED]
    entries = _cancellations(cancelled)
    return [_standing(run, found.get(run.identity), entries) for run in planned]


def worked_on(found: Sequence[Standing]) -> list[PlannedRun]:
    """The planned runs that launching would make workers do."""
    return [standing.planned for standing in found if standing.is_worked_on]


def _standing(planned: PlannedRun, run: Run | None, entries: Sequence[AuditEntry]) -> Standing:
    if run is None:
        return Standing(planned, None, "")
    owner = _owner(run)
    match run.status:
        case Run.Status.SUCCEEDED:
            sentence = f"reused from {owner}"
        case Run.Status.FAILED:
            sentence = f"failed for {owner}; it would start again"
        case Run.Status.CANCELLED:
            sentence = f"{_cancelled(run, entries)}; it would start again"
        case _:
            sentence = f"already under way for {owner}"
    return Standing(planned, run, sentence)


def _owner(run: Run) -> str:
    """The first experiment that asked for it."""
    experiments = sorted(run.experiments.all(), key=lambda experiment: experiment.pk)
    return _named(experiments[0]) if experiments else "an earlier run"


def _named(experiment: Experiment) -> str:
    return f"experiment {experiment.pk} ({experiment})"


def _cancellations(runs: Sequence[Run]) -> list[AuditEntry]:
    """The newest first, of the runs themselves and of whole experiments."""
    if not runs:
        return []
    experiments = {experiment.pk for run in runs for experiment in run.experiments.all()}
    of_runs = Q(action="run.cancelled", subject_kind="run", subject_id__in=[run.pk for run in runs])
    whole = Q(action="experiment.cancelled", subject_kind="experiment", subject_id__in=experiments)
    return list(AuditEntry.objects.filter(of_runs | whole).select_related("actor").order_by("-pk"))


def _cancelled(run: Run, entries: Sequence[AuditEntry]) -> str:
    """Whoever did it, as far as that was written down, and when."""
    subjects = {("run", str(run.pk))} | {("experiment", str(one.pk)) for one in run.experiments.all()}
    entry = next((one for one in entries if (one.subject_kind, one.subject_id) in subjects), None)
    by = f" by {entry.actor}" if entry and entry.actor else ""
    moment = run.finished_at or (entry and entry.created_at)
    return f"cancelled{by} on {moment:%d %b %Y}" if moment else f"cancelled{by}"
