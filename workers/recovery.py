"""Every worker looks after the runs of workers that fell silent, and gives its own back when stopped."""

import logging
import os
from datetime import timedelta
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from annotate.services import runs

logger = logging.getLogger(__name__)


def worker_name(process_id: int) -> str:
    """Name the worker whose main process has this id, so that no two workers anywhere share a name."""
    return f"{os.uname().nodename}:{process_id}"


def sweep() -> None:
    """Recover what silent workers held. A database that is down is logged; the next sweep tries again."""
    now = timezone.now()
    try:
        runs.recover(silent_since=now - timedelta(seconds=settings.SILENCE_SECONDS), now=now)
    except Error:
        logger.exception("The sweep failed")
    finally:
        connection.close()  # the pool's processes are forked from this one


def give_back() -> None:
    """Queue what this worker holds; its processes notice with the next heartbeat and stop their work."""
    try:
        runs.release(worker_name(os.getpid()))
    except Error:
        logger.exception("The runs of this worker wait until it counts as silent")
    finally:
        connection.close()


class Recovery(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery ships no types
    """Sweeps in the worker's main process.

    A sweep sent as a message would wait behind the very runs that keep the worker's one process busy.
    """

    requires = {"celery.worker.components:Timer", "celery.worker.components:Pool"}

    def __init__(self, parent: Any, **options: Any) -> None:
        self.entry: Any = None
        super().__init__(parent, **options)

    def start(self, worker: Any) -> None:
        self.entry = worker.timer.call_repeatedly(settings.SWEEP_SECONDS, sweep)

    def stop(self, worker: Any) -> None:
        """Runs before the pool waits for its processes."""
        if self.entry:
            self.entry.cancel()
        give_back()
