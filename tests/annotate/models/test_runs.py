"""The state machine of runs: what each transition does to each state, and to whom."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from annotate.models import Run
from tests.annotate.factories import RunFactory

pytestmark = pytest.mark.django_db
STATES = ["waiting", "queued", "running", "succeeded", "failed", "cancelled"]


def run_in(status, now, **fields):
    error = "broken" if status == "failed" else ""
    return RunFactory(status=status, heartbeat_at=now, error=error, worker="w", **fields)


TRANSITIONS = {
    "queue": (lambda runs, now: runs.queue(), {"waiting": "queued"}),
    "claim": (lambda runs, now: runs.claim(runs.get().pk, worker="v", now=now), {"queued": "running"}),
    "cancel": (
        lambda runs, now: runs.cancel(now=now),
        {"waiting": "cancelled", "queued": "cancelled", "running": "cancelled"},
    ),
    "reset": (lambda runs, now: runs.reset(), {"failed": "waiting", "cancelled": "waiting"}),
    "put back": (lambda runs, now: runs.put_back(), {"running": "queued"}),
    "release": (lambda runs, now: runs.release(), {"running": "queued"}),
}


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_leads_where_the_table_says_and_nowhere_else(name, status, now):
    transition, table = TRANSITIONS[name]
    run = run_in(status, now)

    transition(Run.objects.filter(pk=run.pk), now)

    run.refresh_from_db()
    assert run.status == table.get(status, status)


@pytest.mark.parametrize("status", STATES)
def test_only_a_running_run_without_attempts_is_given_up(status, now):
    run = run_in(status, now, attempts_left=0)

    Run.objects.give_up(error="silent", now=now)

    run.refresh_from_db()
    assert run.status == ("failed" if status == "running" else status)


def test_giving_up_spares_runs_with_attempts_left(now):
    run = run_in("running", now, attempts_left=1)

    assert Run.objects.give_up(error="silent", now=now) == 0
    run.refresh_from_db()
    assert run.status == "running"


def test_putting_back_spares_runs_without_attempts(now):
    run_in("running", now, attempts_left=0)

    assert Run.objects.put_back() == 0


def test_a_claim_counts_the_attempt_and_sets_the_first_heartbeat(now):
    run = RunFactory(status="queued")

    claimed = Run.objects.claim(run.pk, worker="w", now=now)

    assert (claimed.attempt, claimed.attempts_left) == (1, Run.MAX_ATTEMPTS - 1)
    assert (claimed.worker, claimed.heartbeat_at) == ("w", now)


def test_of_two_workers_that_saw_a_queued_run_one_gets_it(now):
    run = RunFactory(status="queued")
    seen = Run.objects.filter(status="queued")  # what both saw; the rival claims before we do
    rival = seen.claim(run.pk, worker="rival", now=now)

    assert seen.claim(run.pk, worker="late", now=now) is None
    run.refresh_from_db()
    assert (run.worker, run.attempt) == (rival.worker, 1)


def test_a_run_without_attempts_cannot_be_claimed(now):
    run = RunFactory(status="queued", attempts_left=0)

    assert Run.objects.claim(run.pk, worker="w", now=now) is None


def test_an_attempt_that_was_put_back_and_claimed_again_is_no_longer_held(now):
    run = RunFactory(status="queued")
    dead = Run.objects.claim(run.pk, worker="dead", now=now)
    Run.objects.put_back()
    alive = Run.objects.claim(run.pk, worker="alive", now=now)

    assert not Run.objects.held(dead).exists()
    assert Run.objects.held(alive).exists()


def test_a_run_falls_silent_when_its_heartbeat_is_older_than_the_moment(now):
    old = run_in("running", now - timedelta(seconds=61))
    run_in("running", now - timedelta(seconds=59))
    run_in("queued", now - timedelta(seconds=61))

    assert list(Run.objects.silent_since(now - timedelta(seconds=60))) == [old]


@pytest.mark.parametrize("status", STATES)
def test_a_run_is_ready_once_its_parent_succeeded(status, now):
    child = RunFactory(status="waiting")
    child.parents.add(run_in(status, now), RunFactory(status="succeeded"))

    assert (child in Run.objects.ready()) == (status == "succeeded")


def test_a_reset_gives_back_every_attempt_and_forgets_the_error(now):
    run = run_in("failed", now, attempts_left=0, error_kind="ours", finished_at=now)

    Run.objects.reset()

    run.refresh_from_db()
    assert (run.attempts_left, run.error, run.error_kind, run.finished_at) == (Run.MAX_ATTEMPTS, "", "", None)


def test_a_reset_keeps_the_fence_against_the_attempt_before(now):
    run = RunFactory(status="queued")
    stopped = Run.objects.claim(run.pk, worker="w", now=now)
    Run.objects.cancel(now=now)
    Run.objects.reset()
    Run.objects.queue()
    Run.objects.claim(run.pk, worker="w", now=now)

    assert not Run.objects.held(stopped).exists()


def test_a_release_costs_no_attempt(now):
    run = RunFactory(status="queued")
    Run.objects.claim(run.pk, worker="w", now=now)

    Run.objects.release()

    run.refresh_from_db()
    assert run.attempts_left == Run.MAX_ATTEMPTS


def test_a_running_run_must_have_a_heartbeat():
    with pytest.raises(IntegrityError, match="running_has_a_heartbeat"):
        RunFactory(status="running")


def test_a_failed_run_must_say_why():
    with pytest.raises(IntegrityError, match="failed_says_why"):
        RunFactory(status="failed")


@pytest.mark.parametrize("become", ["queue", "put_back", "release"])
def test_a_run_knows_since_when_it_is_queued(now, become):
    run = RunFactory(status="waiting" if become == "queue" else "running", heartbeat_at=now)
    begun = timezone.now()

    getattr(Run.objects, become)()

    run.refresh_from_db()
    assert run.status == "queued"
    assert abs(run.queued_at - begun) < timedelta(minutes=1)
