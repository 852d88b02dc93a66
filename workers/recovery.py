"""Every worker looks after the runs of workers that fell silent, and gives its own back when stopped."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from annotate.models import Worker
from annotate.services import deliveries, news, runs
from workers import announcement
from workers.announcement import listened_queues, worker_name

logger = logging.getLogger(__name__)


def sweep() -> None:
    """Recover what silent workers held. A database that is down is logged; the next sweep tries again."""
    now = timezone.now()
    with _tolerated("The sweep failed"):
        runs.recover(silent_since=now - timedelta(seconds=settings.SILENCE_SECONDS), now=now)
    with _tolerated("The news waits for the next sweep"):
        news.tell_missed(now=now)
        deliveries.send_due(now=now)


def give_back() -> None:
    """Claim nothing more, and queue what this worker holds; its processes notice with the next heartbeat."""
    now, name = timezone.now(), worker_name(os.getpid())
    with _tolerated("The runs of this worker wait until it counts as silent"):
        Worker.objects.filter(name=name).stop(now=now)
        runs.release(name, now=now)


@contextmanager
def _tolerated(failure: str) -> Iterator[None]:
    try:
        yield
    except Error:
        logger.exception(failure)
    finally:
        connection.close()  # the pool's processes are forked from this one


class Recovery(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Announces the worker, and sweeps, in its main process.

    A sweep sent as a message would wait behind the very runs that keep the worker's one process busy.
    """

    requires = {"celery.worker.components:Timer", "celery.worker.components:Pool"}

    def __init__(self, parent: Any, **options: Any) -> None:
        self.entry: Any = None
        self.queues: list[str] = []
        super().__init__(parent, **options)

    def start(self, worker: Any) -> None:
        self.queues = listened_queues(worker.app)
        with _tolerated("The worker announces itself with its next sweep"):
            announcement.begin(os.getpid(), self.queues, now=timezone.now())
        self.entry = worker.timer.call_repeatedly(settings.SWEEP_SECONDS, self.tend)

    def tend(self) -> None:
        """Refresh what this worker says of itself, then look after the others."""
        with _tolerated("The worker could not say that it is alive"):
            announcement.refresh(os.getpid(), self.queues, now=timezone.now())
        sweep()

    def stop(self, worker: Any) -> None:
        """Runs before the pool waits for its processes."""
        if self.entry:
            self.entry.cancel()
        give_back()
