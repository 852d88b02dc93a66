"""Time left: a run's own pace first, then what others took; and chains of runs that wait for each other."""

from datetime import timedelta

import pytest

from annotate.models import Attempt, Run
from annotate.services.rates import Measured, Rates
from annotate.services.remaining import at_own_pace, remaining, seconds_left
from tests.annotate.factories import RunFactory

pytestmark = pytest.mark.django_db
RATES = Rates((Measured("sample", "", "", 2.0),))
NO_RATES = Rates(())


def running(now, **fields) -> Run:
    """Thirty of a hundred prompts after five minutes."""
    beat = {"started_at": now, "heartbeat_at": now + timedelta(minutes=5)}
    return RunFactory(status="running", attempt=1, done=30, total=100, num_units=100, **beat, **fields)


def attempt(now, **fields) -> Attempt:
    return Attempt(number=1, started_at=now, **fields)


def test_a_run_goes_on_at_its_own_pace(now):
    assert at_own_pace(running(now), [attempt(now)]) == 70 * 10


def test_what_earlier_attempts_did_does_not_make_the_pace_quicker(now):
    assert at_own_pace(running(now), [attempt(now, done_before=20)]) == 70 * 30


@pytest.mark.parametrize("state", ["queued", "succeeded"])
def test_a_run_that_does_not_run_has_no_pace(now, state):
    run = running(now)
    run.status = state

    assert at_own_pace(run, [attempt(now)]) is None


def test_an_attempt_that_has_done_nothing_yet_takes_the_pace_of_others(now):
    assert seconds_left(running(now), [attempt(now, done_before=30)], RATES) == pytest.approx(140)


def test_a_run_of_a_kind_that_was_never_measured_has_no_time(now):
    assert seconds_left(RunFactory(num_units=100), [], NO_RATES) is None


def test_runs_that_wait_for_each_other_take_their_sum_however_many_workers_there_are():
    parent, child = RunFactory(num_units=100), RunFactory(num_units=50)
    child.parents.add(parent)

    left = remaining([child, parent], {}, RATES, num_workers=9)

    assert (left.seconds, left.num_workers, left.unmeasured) == (300, 9, ())


def test_runs_that_need_nothing_of_each_other_are_shared_among_the_workers():
    runs = RunFactory.create_batch(4, num_units=100)

    assert [remaining(runs, {}, RATES, num_workers=count).seconds for count in (0, 1, 2)] == [800, 800, 400]


def test_a_kind_that_was_never_measured_is_named():
    runs = [RunFactory(num_units=100), RunFactory(kind="score", num_units=100)]

    left = remaining(runs, {}, RATES, num_workers=1)

    assert (left.seconds, left.unmeasured) == (200, ("rewards",))


def test_what_has_ended_takes_no_more_time():
    runs = [RunFactory(num_units=100, status="succeeded"), RunFactory(kind="score", status="cancelled")]

    assert remaining(runs, {}, RATES, num_workers=1).seconds == 0
