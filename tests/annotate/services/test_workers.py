"""Why a run waits, and which runs somebody could take."""

from datetime import timedelta

import pytest

from annotate.models import Run
from annotate.services.workers import alive, takeable, waiting_reason, why_waiting
from tests.annotate.factories import ExperimentFactory, RunFactory, WorkerFactory

GB = 2**30
QUEUED = {"status": "queued", "queue": "gpu"}


def worker(*, queues=("cpu", "gpu"), gpu=0, host=16 * GB):
    devices = [{"name": "GPU", "memory_bytes": gpu}] if gpu else []
    return WorkerFactory.build(queues=list(queues), devices=devices, memory_bytes=host)


def parent(title, status="running"):
    return RunFactory.build(title=title, status=status)


def reason(*workers, parents=(), is_held_back=False, num_before=0, **fields):
    run = RunFactory.build(**QUEUED | fields)
    return why_waiting(run, workers, parents=parents, is_held_back=is_held_back, num_before=num_before)


def test_it_waits_for_its_parents():
    english, pool = parent("reward model en"), parent("response pool es", "waiting")

    assert reason(parents=[english], status="waiting") == "waits for reward model en"
    assert reason(parents=[english, pool]) == "waits for reward model en and response pool es"


@pytest.mark.parametrize(("status", "words"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_a_parent_that_will_not_succeed_is_named_with_what_helps(status, words):
    stopped = parent("response pool es", status)

    told = reason(parents=[parent("reward model en"), stopped])

    assert told == f"waits for response pool es, which {words}: retry that run to go on"


def test_a_pause_is_named_before_everything_else():
    assert reason(parents=[parent("reward model en")], is_held_back=True) == "its experiment is paused"


def test_it_waits_for_any_worker_at_all():
    assert reason() == "no worker is alive: start one with python manage.py work"


def test_it_waits_for_a_worker_of_its_queue():
    told = reason(worker(queues=["cpu"]))

    assert told == ("no worker listens to the queue gpu: start one with python manage.py work --queues gpu")


def test_it_waits_for_a_worker_with_more_memory():
    small, larger = worker(gpu=16 * GB), worker(gpu=24 * GB)
    deaf = worker(queues=["cpu"], gpu=80 * GB)

    told = reason(small, larger, deaf, memory_needed=40 * GB)

    assert told == "needs 40 GB of GPU memory; the largest worker alive has 24 GB"


def test_the_memory_of_a_host_is_not_called_that_of_an_accelerator():
    told = reason(worker(host=round(7.5 * GB)), memory_needed=8 * GB)

    assert told == "needs 8 GB of memory; the largest worker alive has 7.5 GB"


@pytest.mark.parametrize(
    ("num_before", "told"),
    [
        (0, "it goes next, as soon as a worker that fits is free"),
        (1, "1 run goes before it"),
        (3, "3 runs go before it"),
    ],
)
def test_it_waits_for_those_before_it(num_before, told):
    assert reason(worker(), num_before=num_before) == told


@pytest.mark.django_db
def test_those_before_it_are_more_urgent_or_older_and_can_start(now):
    WorkerFactory(heartbeat_at=now)
    paused = ExperimentFactory(paused_at=now)
    RunFactory(status="queued").experiments.add(paused)
    RunFactory(status="queued")
    run = RunFactory(status="queued")
    RunFactory(status="queued", priority=1)
    RunFactory(status="queued", priority=-1)
    RunFactory(status="queued", memory_needed=100 * GB, priority=1)
    RunFactory(status="queued")

    assert waiting_reason(run, now=now) == "2 runs go before it"


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["running", "succeeded", "failed", "cancelled"])
def test_what_has_started_or_ended_waits_for_nothing(status, now):
    run = RunFactory(status=status, heartbeat_at=now, error="broken")

    assert waiting_reason(run, now=now) == ""


@pytest.mark.django_db
def test_a_paused_run_says_so(now):
    run = RunFactory(status="queued")
    run.experiments.add(ExperimentFactory(paused_at=now))

    assert waiting_reason(run, now=now) == "its experiment is paused"


@pytest.mark.django_db
def test_a_worker_is_alive_until_it_stops_or_was_not_heard_of_for_too_long(settings, now):
    settings.SILENCE_SECONDS, settings.SWEEP_SECONDS = 60, 10
    fresh = WorkerFactory(heartbeat_at=now - timedelta(seconds=69))
    WorkerFactory(heartbeat_at=now - timedelta(seconds=71))
    WorkerFactory(heartbeat_at=now, stopped_at=now)

    assert list(alive(now)) == [fresh]


@pytest.mark.django_db
def test_nobody_rings_for_a_run_that_no_worker_could_take(now):
    fits = RunFactory(status="queued", memory_needed=16 * GB)
    RunFactory(status="queued", memory_needed=17 * GB)
    RunFactory(status="queued", queue="gpu")
    assert not takeable(now).exists()

    WorkerFactory(queues=["cpu"], heartbeat_at=now)
    WorkerFactory(heartbeat_at=now, stopped_at=now)

    assert list(takeable(now)) == [fits]
    assert Run.objects.count() == 3
