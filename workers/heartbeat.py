"""The heartbeat of a run under way: tells the row where the work stands, and the work when it is lost."""

import math
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone

from alignment.progress import Step
from annotate.models import Run
from annotate.services.runs import RunTakenAwayError

NUM_SAMPLES = 12  # kept with the row, for its page


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
        self.metrics = dict(run.metrics)
        self.samples = list(run.samples)

    def __call__(self, step: Step) -> None:
        self.metrics |= {name: value for name, value in step.metrics.items() if math.isfinite(value)}
        self.news |= {"done": step.done, "total": step.total, "unit": step.unit, "metrics": self.metrics}
        if step.text:
            text = step.text.replace("\x00", "")  # which PostgreSQL does not hold
            self.samples = [*self.samples, {"done": step.done, "text": text}][-NUM_SAMPLES:]
            self.news["samples"] = self.samples
        self.beat()

    def beat(self) -> None:
        """Say that the work is alive, with the newest step, if the last time is an interval ago."""
        if self.clock() >= self.due:
            self.write()

    def write(self, **fields: Any) -> None:
        """Write the newest step and other fields now."""
        if not Run.objects.held(self.run).update(heartbeat_at=timezone.now(), **self.news, **fields):
            raise RunTakenAwayError
        self.news = {}
        self.due = self.clock() + self.interval
