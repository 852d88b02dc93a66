"""The heartbeat: how often it writes, what, and how it stops lost work."""

import pytest
from django.db import OperationalError, connection

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


def test_what_was_reported_between_two_beats_becomes_points_of_the_curves(heartbeat, claimed, clock):
    for done in (1, 2, 3):
        heartbeat(step(done, metrics={"loss": done / 4}))
    assert claimed.curves.get().steps == [1]

    clock.seconds = 2.0
    heartbeat.beat()

    curve = claimed.curves.get()
    assert (curve.name, curve.steps, curve.values) == ("loss", [1, 2, 3], [0.25, 0.5, 0.75])


def test_a_beat_is_one_short_transaction(heartbeat, claimed, django_assert_num_queries):
    heartbeat.due = 99.0
    heartbeat(step(1, metrics={"loss": 0.5, "accuracy": 0.5}))

    with django_assert_num_queries(4):  # savepoint, row, curves, release
        heartbeat.write()


def test_points_whose_transaction_was_lost_are_written_with_the_next_beat(heartbeat, claimed, clock):
    heartbeat.due = 99.0
    heartbeat(step(1, metrics={"loss": 0.5}))

    commits = iter(["lost"])

    def lose_the_commit(execute, sql, *arguments):
        if sql.startswith("RELEASE") and next(commits, ""):
            raise OperationalError("the connection is lost")
        return execute(sql, *arguments)

    with connection.execute_wrapper(lose_the_commit), pytest.raises(OperationalError):
        heartbeat.write()
    assert not claimed.curves.exists()
    heartbeat.write()

    assert claimed.curves.get().steps == [1]


def test_the_newest_twelve_responses_are_kept_without_the_name_of_their_language(heartbeat, claimed):
    claimed.target_id = "es"
    for done in range(1, 15):
        heartbeat(step(done, text=f"es: respuesta {done}"))
    heartbeat.write()

    claimed.refresh_from_db()
    assert [sample["done"] for sample in claimed.samples] == list(range(3, 15))
    assert claimed.samples[-1]["text"] == "respuesta 14"


def test_what_was_said_while_the_model_was_prepared_is_no_response(heartbeat, claimed):
    heartbeat(Step(done=1, total=2, unit="steps", text="Converting"))
    heartbeat(step(1, text="Hola"))
    heartbeat.write()

    claimed.refresh_from_db()
    assert [sample["text"] for sample in claimed.samples] == ["Hola"]


def test_a_note_is_kept_once(heartbeat, claimed):
    for note in ("The batch was halved.", "", "The batch was halved.", "It\x00 went\ud83d on."):
        heartbeat(step(1, note=note))
    heartbeat.write()

    claimed.refresh_from_db()
    assert claimed.notes == ["The batch was halved.", "It went? on."]


@pytest.mark.parametrize("lost", ["cancelled", "put back", "claimed by another"])
def test_a_lost_run_stops_the_work_and_is_not_written(heartbeat, claimed, lost, now):
    if lost == "cancelled":
        Run.objects.cancel(now=now)
    else:
        Run.objects.put_back()
    if lost == "claimed by another":
        Run.objects.claim(claimed.pk, worker="another", now=now)

    with pytest.raises(RunTakenAwayError):
        heartbeat(step(9, metrics={"loss": 0.5}))

    claimed.refresh_from_db()
    assert (claimed.done, claimed.heartbeat_at) == (0, now)
    assert not claimed.curves.exists()
