"""The facts of the workers page: machines with their workers, what each does, and what waits."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from django.db.models import Count
from kombu.exceptions import OperationalError

from annotate import broker
from annotate.models import Run, Worker
from annotate.models.runs import RunQuerySet
from annotate.services.workers import alive, fits_one_of, why_waiting
from annotate.version import code_version

LATELY = timedelta(days=1)
MOST_STUCK = 5  # runs that the page names
MOST_GONE = 50  # workers that it lists


class WorkerNow(NamedTuple):
    """A worker and what it does; run: None where it is idle. is_outdated: not the code of the site."""

    worker: Worker
    run: Run | None
    is_outdated: bool


class MachineNow(NamedTuple):
    """A host as its worker that was heard of last sees it."""

    host: str
    num_cpus: int
    memory_bytes: int
    used_bytes: int
    workers: list[WorkerNow]


class QueueNow(NamedTuple):
    """num_queued: runs, by the rows, of which num_paused are held back by a pause; num_messages: None where
    the broker cannot be reached.
    """

    name: str
    num_queued: int
    num_paused: int
    num_workers: int
    num_messages: int | None


class Stuck(NamedTuple):
    """A queued run that no worker alive would take, though nobody has paused it, and why."""

    run: Run
    reason: str


class Workplace(NamedTuple):
    """Everything that the page polls. silent: workers that stopped talking without saying goodbye."""

    machines: list[MachineNow]
    silent: list[Worker]
    queues: list[QueueNow]
    stuck: list[Stuck]
    site_version: str

    @property
    def broker_answers(self) -> bool:
        """Whether the messages of the queues could be counted."""
        return all(queue.num_messages is not None for queue in self.queues)


def workplace(*, now: datetime) -> Workplace:
    """Look now."""
    workers = list(alive(now))
    lost = Worker.objects.filter(stopped_at=None, heartbeat_at__gte=now - LATELY)
    return Workplace(
        machines=_machines(workers),
        silent=list(lost.exclude(pk__in=[worker.pk for worker in workers])),
        queues=_queues(workers),
        stuck=_stuck(workers),
        site_version=code_version(),
    )


def gone(*, now: datetime) -> list[Worker]:
    """Workers that stopped, or fell silent long ago, the newest first."""
    here = Worker.objects.filter(stopped_at=None, heartbeat_at__gte=now - LATELY)
    return list(Worker.objects.exclude(pk__in=here.values("pk")).order_by("-heartbeat_at")[:MOST_GONE])


def _machines(workers: Iterable[Worker]) -> list[MachineNow]:
    names = [worker.name for worker in workers]
    under_way = Run.objects.filter(status=Run.Status.RUNNING, worker__in=names)
    runs = {run.worker: run for run in under_way}
    return [_machine(host, list(group), runs) for host, group in groupby(workers, key=lambda row: row.host)]


def _machine(host: str, workers: Sequence[Worker], runs: dict[str, Run]) -> MachineNow:
    newest = max(workers, key=lambda worker: worker.heartbeat_at)
    return MachineNow(
        host=host,
        num_cpus=newest.num_cpus,
        memory_bytes=newest.memory_bytes,
        used_bytes=newest.memory_bytes - newest.available_bytes,
        workers=[
            WorkerNow(worker, runs.get(worker.name), worker.code_version != code_version())
            for worker in workers
        ],
    )


def _queues(workers: Sequence[Worker]) -> list[QueueNow]:
    queued = Run.objects.filter(status=Run.Status.QUEUED)
    num_queued, num_paused = _by_queue(queued), _by_queue(queued.held_back())
    messages = _num_messages()
    return [
        QueueNow(
            name,
            num_queued=num_queued.get(name, 0),
            num_paused=num_paused.get(name, 0),
            num_workers=sum(name in worker.queues for worker in workers),
            num_messages=messages.get(name),
        )
        for name in broker.QUEUES
    ]


def _by_queue(runs: RunQuerySet) -> dict[str, int]:
    counts = runs.order_by("queue").values("queue").annotate(count=Count("pk"))
    return {row["queue"]: row["count"] for row in counts}


def _num_messages() -> dict[str, int]:
    """By queue; empty where the broker cannot be reached."""
    try:
        return {name: broker.num_messages(name) for name in broker.QUEUES}
    except OperationalError:
        return {}


def _stuck(workers: Sequence[Worker]) -> list[Stuck]:
    untaken = Run.objects.startable().exclude(fits_one_of(workers))
    return [
        Stuck(run, why_waiting(run, workers, parents=(), is_held_back=False, num_before=0))
        for run in untaken.in_order()[:MOST_STUCK]
    ]
