"""An admin steers a whole experiment: pause it, let it go on, cancel it, make it more or less urgent."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from annotate import broker
from annotate.errors import ExperimentStateError
from annotate.models import Attempt, Experiment, Run, User
from annotate.models.runs import RunQuerySet
from annotate.services import audit, runs


@transaction.atomic
def pause(experiment: Experiment, *, by: User, now: datetime) -> None:
    """Start none of the runs that only paused experiments need; those under way go back to the queue.

    A run that goes back costs no attempt and continues from its newest checkpoint. Raises
    ExperimentStateError when the experiment is paused or cancelled, or has ended.
    """
    if not experiment.runs.unfinished().exists():
        raise ExperimentStateError("Every run of this experiment has ended, so there is nothing to pause.")
    going = Experiment.objects.filter(pk=experiment.pk, paused_at=None, cancelled_at=None)
    if not going.update(paused_at=now):
        raise ExperimentStateError("This experiment is paused or cancelled already.")
    runs.give_back_held_back(now=now)
    audit.record(by, "experiment.paused", experiment)


@transaction.atomic
def resume(experiment: Experiment, *, by: User) -> None:
    """Let a paused experiment go on; start the cancelled runs of a cancelled one again.

    Raises ExperimentStateError when it is neither.
    """
    same = Experiment.objects.filter(pk=experiment.pk)
    if same.exclude(cancelled_at=None).update(cancelled_at=None):
        experiment.runs.filter(status=Run.Status.CANCELLED).reset()
    elif not same.exclude(paused_at=None).update(paused_at=None):
        raise ExperimentStateError("This experiment is not paused, so it goes on anyway.")
    Run.objects.filter(experiments=experiment).take_priority()
    audit.record(by, "experiment.resumed", experiment)
    queued = list(experiment.runs.startable().values_list("pk", flat=True))
    transaction.on_commit(lambda: broker.announce(queued))
    runs.queue_ready()


@transaction.atomic
def cancel(experiment: Experiment, *, by: User, now: datetime) -> int:
    """Cancel the unfinished runs that no other experiment needs, unless that one is cancelled, too.

    What a paused experiment needs waits with it. Returns how many were cancelled. Raises
    ExperimentStateError when there is nothing left to cancel.
    """
    same = Experiment.objects.filter(pk=experiment.pk, cancelled_at=None)
    if not experiment.runs.unfinished().exists() or not same.update(paused_at=None, cancelled_at=now):
        raise ExperimentStateError("Nothing of this experiment is under way, so there is nothing to cancel.")
    _wait_for_others(experiment)
    cancelled = _needed_by_no_other(experiment).cancel(now=now)
    Attempt.objects.filter(run__experiments=experiment).end(Attempt.Outcome.CANCELLED, now=now)
    Run.objects.filter(experiments=experiment).take_priority()
    runs.give_back_held_back(now=now)
    audit.record(by, "experiment.cancelled", experiment, runs=cancelled)
    return cancelled


@transaction.atomic
def set_priority(experiment: Experiment, priority: Experiment.Priority, *, by: User) -> None:
    """Make it more or less urgent; a run is as urgent as the most urgent of its experiments."""
    Experiment.objects.filter(pk=experiment.pk).update(priority=priority)
    Run.objects.filter(experiments=experiment).take_priority()
    audit.record(by, "experiment.priority_changed", experiment, priority=priority.label)


def _wait_for_others(experiment: Experiment) -> None:
    """Lock the runs: a launch, or another cancel, that is not committed yet is seen by what is read next."""
    own = Run.objects.filter(pk__in=experiment.runs.values("pk")).unfinished().order_by("pk")
    list(own.select_for_update().values_list("pk", flat=True))


def _needed_by_no_other(experiment: Experiment) -> RunQuerySet:
    needing = Experiment.objects.filter(runs=OuterRef("pk"), cancelled_at=None)
    return Run.objects.filter(~Exists(needing.exclude(pk=experiment.pk)), experiments=experiment)
