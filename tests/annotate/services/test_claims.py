"""A worker takes the best run that fits it, and each attempt has a beginning and an end."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from alignment.artifacts import Stored
from annotate import broker
from annotate.models import Attempt, Run, Worker
from annotate.models.runs import RunQuerySet
from annotate.services import runs
from annotate.services.claims import claim_next
from annotate.services.runs import NewArtifact
from tests.annotate.factories import RunFactory, WorkerFactory

pytestmark = pytest.mark.django_db(transaction=True)
GPU = {"name": "NVIDIA L4", "memory_bytes": 24, "used_bytes": 0, "utilisation": None}


@pytest.fixture(autouse=True)
def silent_bell(monkeypatch):
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)
    monkeypatch.setattr(broker, "announce_forgotten", lambda takeable: None)


@pytest.fixture
def worker() -> Worker:
    return WorkerFactory(code_version="1.0.0 (abc)", devices=[GPU])


def queued(**fields) -> Run:
    return RunFactory(status="queued", **fields)


def test_the_most_urgent_goes_first_and_of_these_the_oldest(worker, now):
    low, old, new, high = (queued(priority=priority) for priority in (-1, 0, 0, 1))

    assert [claim_next(worker, now=now) for _ in range(5)] == [high, old, new, low, None]


def test_a_run_of_another_queue_is_left_alone(now):
    queued(queue="gpu")

    assert claim_next(WorkerFactory(queues=["cpu"]), now=now) is None


@pytest.mark.parametrize(("needed", "fits"), [(0, True), (24, True), (25, False)])
def test_a_run_that_needs_more_than_the_accelerator_has_is_left_alone(worker, now, needed, fits):
    queued(memory_needed=needed)

    assert (claim_next(worker, now=now) is not None) == fits


def test_without_an_accelerator_the_memory_of_the_host_counts(now):
    queued(memory_needed=100)

    assert claim_next(WorkerFactory(memory_bytes=99), now=now) is None
    assert claim_next(WorkerFactory(memory_bytes=100), now=now) is not None


def test_a_worker_that_was_stopped_takes_nothing(worker, now):
    queued()
    Worker.objects.stop(now=now)

    assert claim_next(worker, now=now) is None


def test_a_rival_that_is_first_at_the_best_run_leaves_the_next(worker, now, monkeypatch):
    """The rival claims between our look at the queue and our claim."""
    best, next_best = queued(priority=1), queued()
    claim = RunQuerySet.claim

    def late(self, pk, **fields):
        monkeypatch.setattr(RunQuerySet, "claim", claim)
        assert Run.objects.claim(best.pk, worker="rival", now=now)
        return claim(self, pk, **fields)

    monkeypatch.setattr(RunQuerySet, "claim", late)

    assert claim_next(worker, now=now) == next_best
    best.refresh_from_db()
    assert (best.worker, best.attempt) == ("rival", 1)


def test_a_claim_begins_an_attempt_that_says_who_tries_on_what(worker, now):
    queued(done=7)

    run = claim_next(worker, now=now)

    attempt = run.attempts.get()
    assert (attempt.number, attempt.worker, attempt.done_before) == (1, worker.name, 7)
    assert (attempt.device, attempt.num_devices) == ("NVIDIA L4", 1)
    assert (attempt.started_at, attempt.outcome, attempt.ended_at) == (now, "", None)
    run.refresh_from_db()
    assert run.code_version == "1.0.0 (abc)"


ARTIFACT = NewArtifact("pool", "pool.jsonl", Stored("ab" * 32, 5))
LATER = timedelta(seconds=10)
ENDS = {
    "finish": (
        lambda run, now: runs.finish(run, artifact=ARTIFACT, result={}, record=lambda: None, now=now),
        "succeeded",
    ),
    "fail": (lambda run, now: runs.fail(run, error="broken", kind=Run.ErrorKind.OURS, now=now), "failed"),
    "try again": (lambda run, now: runs.try_again(run, error="hung", now=now), "failed"),
    "cancel": (lambda run, now: runs.cancel(run, now=now), "cancelled"),
    "release": (lambda run, now: runs.release(run.worker, now=now), "given back"),
    "recover": (lambda run, now: runs.recover(silent_since=now, now=now), "lost"),
}


@pytest.mark.parametrize("attempts_left", [1, 3])
@pytest.mark.parametrize("name", ENDS)
def test_however_an_attempt_ends_it_is_not_left_open(name, worker, now, attempts_left):
    end, outcome = ENDS[name]
    queued(attempts_left=attempts_left)
    run = claim_next(worker, now=now)

    end(run, now + LATER)

    attempt = run.attempts.get()
    assert attempt.outcome == outcome
    assert attempt.ended_at == (now if outcome == "lost" else now + LATER)
    assert not Attempt.objects.left_open().exists()


def test_an_attempt_that_was_lost_cannot_end_the_next_one(worker, now):
    queued()
    lost = claim_next(worker, now=now)
    runs.recover(silent_since=now + LATER, now=now + LATER)
    alive = claim_next(worker, now=now + LATER)

    runs.fail(lost, error="late", kind=Run.ErrorKind.OURS, now=now + LATER)

    outcomes = alive.attempts.order_by("number").values_list("outcome", flat=True)
    assert list(outcomes) == ["lost", ""]


def test_a_run_has_one_attempt_under_way(worker, now):
    queued()
    run = claim_next(worker, now=now)

    with pytest.raises(IntegrityError):
        Attempt.objects.create(run=run, number=2, worker="w", started_at=now)


def test_a_hung_run_goes_back_to_the_queue_and_fails_after_its_last_attempt(worker, now):
    run = queued()

    for _ in range(Run.MAX_ATTEMPTS):
        runs.try_again(claim_next(worker, now=now), error="It made no step.", now=now)

    run.refresh_from_db()
    assert (run.status, run.error, run.attempt) == ("failed", "It made no step.", 3)
    assert run.notes == [f"Attempt {number}: It made no step." for number in (1, 2, 3)]


def test_a_number_that_json_does_not_hold_is_kept_as_null_and_noted(worker, now):
    queued()
    run = claim_next(worker, now=now)
    result = {"losses": [0.5, float("nan")], "groups": {"es": {"accuracy": float("inf")}}, "name": "a\x00b"}

    runs.finish(run, artifact=ARTIFACT, result=result, record=lambda: None, now=now)

    run.refresh_from_db()
    assert run.result == {"losses": [0.5, None], "groups": {"es": {"accuracy": None}}, "name": "ab"}
    assert run.notes == ["Not a finite number, so kept as null: losses.1, groups.es.accuracy."]


def test_an_error_with_a_character_that_postgresql_does_not_hold_is_kept_without_it(worker, now):
    queued()
    run = claim_next(worker, now=now)

    runs.fail(run, error="bro\x00ken", kind=Run.ErrorKind.OURS, now=now)

    run.refresh_from_db()
    assert run.error == "broken"
