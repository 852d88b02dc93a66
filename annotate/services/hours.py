"""Hours that workers spent, counted from attempts; one under way counts until now."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from annotate.models import Attempt

SECONDS = 3600


class Hours(NamedTuple):
    """gpu: one device busy for one hour is one; cpu: hours of attempts without a device."""

    gpu: float
    cpu: float

    @property
    def hours(self) -> float:
        """Of both kinds together."""
        return self.gpu + self.cpu


class Spent(NamedTuple):
    """What an experiment's runs took. reused: by attempts that had begun before it was launched."""

    own: Hours
    reused: Hours


def hours_of(attempts: Iterable[Attempt], *, now: datetime) -> Hours:
    """The sum over the attempts."""
    gpu = cpu = 0.0
    for attempt in attempts:
        hours = ((attempt.ended_at or now) - attempt.started_at).total_seconds() / SECONDS
        if attempt.num_devices:
            gpu += hours * attempt.num_devices
        else:
            cpu += hours
    return Hours(gpu, cpu)


def spent(attempts: Iterable[Attempt], *, launched_at: datetime, now: datetime) -> Spent:
    """What was spent on an experiment's runs, by it and before it."""
    everything = list(attempts)
    before = [attempt for attempt in everything if attempt.started_at < launched_at]
    since = [attempt for attempt in everything if attempt.started_at >= launched_at]
    return Spent(hours_of(since, now=now), hours_of(before, now=now))
