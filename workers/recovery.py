"""Every worker looks after the runs of workers that fell silent, and gives its own back when stopped."""

import logging
import os
import time
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
from workers.job import store

logger = logging.getLogger(__name__)

ABANDONED_SECONDS = 3600.0  # longer than any clock of a file server is wrong
EVER = timedelta(days=36_500)


def sweep(*, patient: bool = False) -> None:
    """Recover what silent workers held. A database that is down is logged; the next sweep tries again.

    patient: nobody counts as silent this time, for nobody could be heard.
    """
    now = timezone.now()
    silence = EVER if patient else timedelta(seconds=settings.SILENCE_SECONDS)
    with _tolerated("The sweep failed"):
        runs.recover(silent_since=now - silence, now=now)
    with _tolerated("Parts of lost artifacts stay for the next sweep"):
        store().remove_abandoned(untouched_since=now.timestamp() - ABANDONED_SECONDS)
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
    except (Error, OSError):
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
        self.has_begun = False  # as far as the database knows
        self.reached_at = time.monotonic()  # when the database was last seen
        super().__init__(parent, **options)

    def start(self, worker: Any) -> None:
        self.queues = listened_queues(worker.app)
        with _tolerated("The worker announces itself with its next sweep"):
            self._announce()
        self.entry = worker.timer.call_repeatedly(settings.SWEEP_SECONDS, self.tend)

    def tend(self) -> None:
        """Refresh what this worker says of itself, then look after the others.

        When the database was away the others were not heard either: they get one sweep to speak.
        """
        patient = time.monotonic() - self.reached_at > 2 * settings.SWEEP_SECONDS
        reached = False
        with _tolerated("The worker could not say that it is alive"):
            self._announce()
            reached = True
        sweep(patient=patient)
        if reached:
            self.reached_at = time.monotonic()

    def _announce(self) -> None:
        """Begin once the database answers: the row that an earlier worker of this name left says stopped."""
        say = announcement.refresh if self.has_begun else announcement.begin
        say(os.getpid(), self.queues, now=timezone.now())
        self.has_begun = True

    def stop(self, worker: Any) -> None:
        """Runs before the pool waits for its processes."""
        if self.entry:
            self.entry.cancel()
        give_back()
