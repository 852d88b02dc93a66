"""Who works: workers that are alive, what each does, what they could take, and why a run waits."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.conf import settings
from django.db.models import Q, QuerySet

from annotate.models import Run, Worker
from annotate.models.runs import RunQuerySet

GIGABYTE = 2**30
START_ONE = "start one with python manage.py work"


def alive(now: datetime) -> QuerySet[Worker]:
    """Workers that have not stopped and were heard of lately; each is heard of once in a sweep."""
    patience = timedelta(seconds=settings.SILENCE_SECONDS + settings.SWEEP_SECONDS)
    return Worker.objects.alive_since(now - patience)


def takeable(now: datetime) -> RunQuerySet:
    """Runs that some worker alive would start, were it idle."""
    return Run.objects.startable().filter(fits_one_of(alive(now)))


def fits_one_of(workers: Iterable[Worker]) -> Q:
    """The runs that could be done by one of the workers; none where there is none."""
    fitting = (Q(queue__in=one.queues, memory_needed__lte=one.usable_bytes) for one in workers)
    return reduce(or_, fitting, Q(pk__in=()))


def waiting_reason(run: Run, *, now: datetime) -> str:
    """Why this run does not work yet, looked up now; "" where it has started or ended."""
    if run.status not in (Run.Status.WAITING, Run.Status.QUEUED):
        return ""
    workers = list(alive(now))
    queues = {queue for worker in workers if run.queue in worker.queues for queue in worker.queues}
    before = Q(priority__gt=run.priority) | Q(priority=run.priority, pk__lt=run.pk)
    return why_waiting(
        run,
        workers,
        parents=list(run.parents.exclude(status=Run.Status.SUCCEEDED)),
        is_held_back=Run.objects.held_back().filter(pk=run.pk).exists(),
        num_before=takeable(now).filter(before, queue__in=queues).count(),
    )


def why_waiting(
    run: Run, workers: Sequence[Worker], *, parents: Sequence[Run], is_held_back: bool, num_before: int
) -> str:
    """One sentence, without capital and full stop.

    workers: those that are alive; parents: those that have not succeeded; num_before: queued runs that
    the same workers would start first.
    """
    if is_held_back:
        return "its experiment is paused"
    if parents:
        return _waits_for(parents)
    if run.status == Run.Status.WAITING:
        return "it is queued within seconds"
    if not workers:
        return f"no worker is alive: {START_ONE}"
    listening = [worker for worker in workers if run.queue in worker.queues]
    if not listening:
        return f"no worker listens to the queue {run.queue}: {START_ONE} --queues {run.queue}"
    largest = max(listening, key=lambda worker: worker.usable_bytes)
    if run.memory_needed > largest.usable_bytes:
        return _does_not_fit(run, largest)
    if num_before:
        return f"{num_before} runs go before it" if num_before > 1 else "1 run goes before it"
    return "it goes next, as soon as a worker that fits is free"


def _waits_for(parents: Sequence[Run]) -> str:
    stopped = [run for run in parents if run.is_terminal]
    if stopped:
        first = stopped[0]
        return f"waits for {first}, which {_was(first)}: retry that run to go on"
    *others, last = [str(run) for run in parents]
    return f"waits for {', '.join(others)} and {last}" if others else f"waits for {last}"


def _was(run: Run) -> str:
    return "was cancelled" if run.status == Run.Status.CANCELLED else "failed"


def _does_not_fit(run: Run, largest: Worker) -> str:
    kind = "GPU memory" if largest.devices else "memory"
    needed, there = (f"{count / GIGABYTE:.3g} GB" for count in (run.memory_needed, largest.usable_bytes))
    return f"needs {needed} of {kind}; the largest worker alive has {there}"
