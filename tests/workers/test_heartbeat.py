"""The heartbeat: how often it writes, what, and how it stops lost work."""

import pytest

from alignment.progress import Step
from annotate.models import Run
from annotate.services.runs import RunTakenAwayError
from workers.heartbeat import Heartbeat

pytestmark = pytest.mark.django_db


class Clock:
    """A clock that a test turns by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def heartbeat(claimed, clock):
    return Heartbeat(claimed, interval=2.0, clock=clock)


def step(done, **fields):
    return Step(done=done, total=9, unit="prompts", **fields)


def test_a_step_is_written_with_the_heartbeat(heartbeat, claimed, now):
    heartbeat(step(3, metrics={"loss": 0.5}, text="Hola"))

    claimed.refresh_from_db()
    assert (claimed.done, claimed.total, claimed.unit, claimed.percent) == (3, 9, "prompts", 33)
    assert (claimed.metrics, claimed.samples) == ({"loss": 0.5}, [{"done": 3, "text": "Hola"}])
    assert claimed.heartbeat_at > now


def test_steps_within_an_interval_are_written_together(heartbeat, claimed, clock, django_assert_num_queries):
    heartbeat(step(1))

    with django_assert_num_queries(0):
        heartbeat(step(2, metrics={"loss": 0.4}))
        heartbeat(step(3, metrics={"accuracy": 0.9}))
    clock.seconds = 2.0
    heartbeat.beat()

    claimed.refresh_from_db()
    assert (claimed.done, claimed.metrics) == (3, {"loss": 0.4, "accuracy": 0.9})


def test_a_curve_without_a_finite_value_is_left_out(heartbeat, claimed):
    heartbeat(step(1, metrics={"loss": float("nan"), "rate": 0.1}))

    claimed.refresh_from_db()
    assert claimed.metrics == {"rate": 0.1}


def test_a_beat_without_news_keeps_the_progress(heartbeat, claimed, clock):
    heartbeat(step(3))
    clock.seconds = 5.0
    heartbeat.beat()

    claimed.refresh_from_db()
    assert claimed.done == 3


@pytest.mark.parametrize("lost", ["cancelled", "put back", "claimed by another"])
def test_a_lost_run_stops_the_work_and_is_not_written(heartbeat, claimed, lost, now):
    if lost == "cancelled":
        Run.objects.cancel(now=now)
    else:
        Run.objects.put_back()
    if lost == "claimed by another":
        Run.objects.claim(claimed.pk, worker="another", now=now)

    with pytest.raises(RunTakenAwayError):
        heartbeat(step(9))

    claimed.refresh_from_db()
    assert (claimed.done, claimed.heartbeat_at) == (0, now)
