"""The heartbeat of a run under way: tells the row where the work stands, and the work when it is lost."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from alignment.progress import Step
from annotate.models import Run
from annotate.services.curves import Curves
from annotate.services.runs import RunTakenAwayError
from annotate.storable import storable_text
from workers.patience import OUTAGE

logger = logging.getLogger(__name__)

NUM_SAMPLES = 12  # kept with the row, for its page
NUM_NOTES = 20


class Heartbeat:
    """Writes at most once per interval, always through the fence; it is a `Progress` of `alignment`.

    Both `beat` and a call raise RunTakenAwayError once the run was cancelled or given to another worker.
    """

    def __init__(
        self, run: Run, *, interval: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run = run
        self.interval = settings.HEARTBEAT_SECONDS if interval is None else interval
        self.clock = clock
        self.due = clock()
        self.news: dict[str, Any] = {}
        self.unit = run.unit
        self.metrics = dict(run.metrics)
        self.samples = list(run.samples)
        self.notes = list(run.notes)
        self.curves = Curves(run)

    def __call__(self, step: Step) -> None:
        self.metrics |= {name: value for name, value in step.metrics.items() if math.isfinite(value)}
        self.news |= {"done": step.done, "total": step.total, "unit": step.unit, "metrics": self.metrics}
        self.curves.add(step.done, step.metrics)
        self._sample(step)
        self._note(storable_text(step.note))
        self.beat()

    def beat(self) -> None:
        """Say that the work is alive, with the newest step, if the last time is an interval ago.

        A database that cannot be reached stops no work: the next beat tells it, and learns whose the run is.
        """
        if self.clock() < self.due:
            return
        try:
            self.write()
        except OUTAGE as error:
            logger.warning("No heartbeat of %s: %s", self.run, str(error).strip())
            connection.close()
            self.due = self.clock() + self.interval

    def write(self, **fields: Any) -> None:
        """Write the newest step and other fields now. The row stays locked until the curves are written."""
        with transaction.atomic():
            if not Run.objects.held(self.run).update(heartbeat_at=timezone.now(), **self.news, **fields):
                raise RunTakenAwayError
            self.curves.store()
        self.curves.settle()
        self.news = {}
        self.due = self.clock() + self.interval

    def _sample(self, step: Step) -> None:
        """Keep the newest texts of one unit: what was said while a model was prepared is no response."""
        if step.unit != self.unit:
            self.unit, self.samples = step.unit, []
        if step.text:
            text = storable_text(step.text).removeprefix(f"{self.run.target_id}: ")
            self.samples = [*self.samples, {"done": step.done, "text": text}][-NUM_SAMPLES:]
            self.news["samples"] = self.samples

    def _note(self, note: str) -> None:
        """Keep a note, once: whoever resumes a run decides the same again."""
        if note and note not in self.notes:
            self.notes = [*self.notes, note][-NUM_NOTES:]
            self.news["notes"] = self.notes
