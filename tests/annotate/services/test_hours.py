"""Hours used: by device, until now where an attempt is under way, and whose they are."""

from datetime import timedelta

from annotate.models import Attempt
from annotate.services.hours import Hours, hours_of, spent


def attempt(start, hours: float | None, **fields) -> Attempt:
    return Attempt(started_at=start, ended_at=start + timedelta(hours=hours) if hours else None, **fields)


def test_two_devices_for_an_hour_are_two_gpu_hours(now):
    assert hours_of([attempt(now, 1, num_devices=2)], now=now) == Hours(gpu=2, cpu=0)


def test_an_attempt_without_a_device_takes_cpu_hours(now):
    assert hours_of([attempt(now, 0.5), attempt(now, 1)], now=now) == Hours(gpu=0, cpu=1.5)


def test_an_attempt_under_way_counts_until_now(now):
    assert hours_of([attempt(now - timedelta(hours=3), None)], now=now) == Hours(gpu=0, cpu=3)


def test_what_began_before_the_launch_was_spent_by_others(now):
    before = now - timedelta(hours=5)

    counted = spent([attempt(before, 2), attempt(now, 1)], launched_at=now, now=now)

    assert (counted.own.cpu, counted.reused.cpu) == (1, 2)
