"""Runs change state together with what hangs on them."""

from datetime import timedelta

import pytest
from django.db import connection

from alignment.artifacts import Stored
from annotate import broker
from annotate.errors import RunStateError
from annotate.models import Artifact, Run
from annotate.services import runs
from annotate.services.runs import NewArtifact, RunTakenAwayError
from tests.annotate.factories import RunFactory

pytestmark = pytest.mark.django_db(transaction=True)
POOL = NewArtifact("pool", "pool.jsonl", Stored("ab" * 32, 5))


@pytest.fixture
def announced(monkeypatch):
    """The ids that were rung for, in order."""
    ids = []
    monkeypatch.setattr(broker, "announce", lambda run_ids: ids.extend(run_ids))
    monkeypatch.setattr(broker, "announce_forgotten", lambda takeable: None)
    return ids


@pytest.fixture
def held(now):
    run = RunFactory(status="queued", total=4)
    return Run.objects.claim(run.pk, worker="w", now=now)


def finish(run, now, *, record=lambda: None, artifact=POOL):
    runs.finish(run, artifact=artifact, result={"num_prompts": 4}, record=record, now=now)


def test_a_finished_run_has_its_result_and_its_artifact(held, now, announced):
    finish(held, now)

    held.refresh_from_db()
    assert (held.status, held.result, held.done, held.finished_at) == (
        "succeeded",
        {"num_prompts": 4},
        4,
        now,
    )
    artifact = held.artifacts.get()
    assert (artifact.role, artifact.name, artifact.digest, artifact.num_bytes) == (
        "pool",
        "pool.jsonl",
        "ab" * 32,
        5,
    )


def test_rows_that_cannot_be_recorded_leave_the_run_unfinished(held, now, announced):
    def record():
        raise LookupError

    with pytest.raises(LookupError):
        finish(held, now, record=record)

    assert Run.objects.held(held).exists()
    assert not Artifact.objects.exists()


def test_a_worker_presumed_dead_can_finish_nothing(held, now, announced):
    Run.objects.put_back()
    Run.objects.claim(held.pk, worker="alive", now=now)

    with pytest.raises(RunTakenAwayError):
        finish(held, now)

    held.refresh_from_db()
    assert (held.status, held.worker, held.result) == ("running", "alive", {})
    assert not Artifact.objects.exists()


def test_a_worker_presumed_dead_can_fail_nothing(held, now, announced):
    Run.objects.put_back()
    Run.objects.claim(held.pk, worker="alive", now=now)

    runs.fail(held, error="late", kind=Run.ErrorKind.OURS, now=now)

    held.refresh_from_db()
    assert (held.status, held.error) == ("running", "")


def test_a_cancelled_run_cannot_finish(held, now, announced):
    runs.cancel(held, now=now)

    with pytest.raises(RunTakenAwayError):
        finish(held, now)

    held.refresh_from_db()
    assert held.status == "cancelled"


def test_a_finished_run_queues_and_announces_its_children(held, now, announced):
    child = RunFactory(status="waiting")
    child.parents.add(held)

    finish(held, now)

    child.refresh_from_db()
    assert child.status == "queued"
    assert announced == [child.pk]


def test_a_child_of_two_waits_for_the_second(held, now, announced):
    child = RunFactory(status="waiting")
    child.parents.add(held, RunFactory(status="waiting"))

    finish(held, now)

    child.refresh_from_db()
    assert child.status == "waiting"
    assert child.pk not in announced


def test_children_are_queued_after_the_commit_because_of_parents_that_finish_at_once(held, now, monkeypatch):
    """Inside their transactions neither would see the other's success, and the child would be left."""
    inside = []
    monkeypatch.setattr(runs, "queue_ready", lambda: inside.append(connection.in_atomic_block))

    finish(held, now)

    assert inside == [False]


def test_children_of_a_failed_run_keep_waiting_and_go_on_after_its_retry(held, now, announced):
    child = RunFactory(status="waiting")
    child.parents.add(held)
    runs.fail(held, error="broken", kind=Run.ErrorKind.OURS, now=now)
    runs.recover(silent_since=now, now=now)
    child.refresh_from_db()
    assert child.status == "waiting"

    runs.retry(held)
    finish(Run.objects.claim(held.pk, worker="w", now=now), now)

    child.refresh_from_db()
    assert child.status == "queued"


def test_a_retry_of_a_run_whose_parent_did_not_succeed_waits(now, announced):
    run = RunFactory(status="cancelled")
    run.parents.add(RunFactory(status="cancelled"))

    runs.retry(run)

    run.refresh_from_db()
    assert run.status == "waiting"


def test_a_retry_is_announced(announced):
    run = RunFactory(status="cancelled")

    runs.retry(run)

    assert announced == [run.pk]


@pytest.mark.parametrize("status", ["waiting", "queued", "running", "succeeded"])
def test_only_what_failed_or_was_cancelled_can_be_retried(status, now):
    with pytest.raises(RunStateError):
        runs.retry(RunFactory(status=status, heartbeat_at=now))


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(status, now):
    with pytest.raises(RunStateError):
        runs.cancel(RunFactory(status=status, error="broken"), now=now)


def test_a_silent_run_is_put_back_and_a_lively_one_is_not(held, now, announced):
    lively = RunFactory(status="running", heartbeat_at=now + timedelta(seconds=50))

    runs.recover(silent_since=now + timedelta(seconds=1), now=now)

    held.refresh_from_db()
    lively.refresh_from_db()
    assert (held.status, lively.status) == ("queued", "running")


def test_a_run_that_fell_silent_too_often_fails_and_says_so(now, announced):
    run = RunFactory(status="queued")
    for _ in range(Run.MAX_ATTEMPTS):
        assert Run.objects.claim(run.pk, worker="w", now=now)
        runs.recover(silent_since=now + timedelta(seconds=1), now=now)

    run.refresh_from_db()
    assert (run.status, run.error_kind) == ("failed", "ours")
    assert "silent 3 times" in run.error


def test_the_sweep_queues_a_child_whose_parent_finished_without_telling(now, announced):
    child = RunFactory(status="waiting")
    child.parents.add(RunFactory(status="succeeded"))

    runs.recover(silent_since=now, now=now)

    child.refresh_from_db()
    assert child.status == "queued"
    assert announced == [child.pk]


def test_a_released_run_is_announced_to_the_other_workers(held, now, announced):
    runs.release("w", now=now)

    held.refresh_from_db()
    assert held.status == "queued"
    assert announced == [held.pk]
