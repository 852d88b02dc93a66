"""The facts of the workers page."""

from datetime import timedelta

import pytest
from kombu.exceptions import OperationalError

from annotate import broker
from annotate.services.workplace import gone, workplace
from annotate.version import code_version
from tests.annotate.factories import ExperimentFactory, RunFactory, WorkerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def messages(monkeypatch):
    """How many messages wait in each queue."""
    waiting = {"cpu": 2, "gpu": 0}
    monkeypatch.setattr(broker, "num_messages", lambda queue: waiting[queue])
    return waiting


def alive_worker(now, **fields):
    return WorkerFactory(**{"heartbeat_at": now, "code_version": code_version()} | fields)


def test_each_machine_has_its_workers_with_what_they_do(now):
    busy = alive_worker(now, host="a", name="a:1")
    idle = alive_worker(now, host="a", name="a:2")
    elsewhere = alive_worker(now, host="b", name="b:1")
    run = RunFactory(status="running", worker="a:1", heartbeat_at=now)
    RunFactory(status="succeeded", worker="a:2")

    machines = workplace(now=now).machines

    seen = {machine.host: [(one.worker, one.run) for one in machine.workers] for machine in machines}
    assert seen == {"a": [(busy, run), (idle, None)], "b": [(elsewhere, None)]}


def test_a_machine_is_as_its_newest_worker_sees_it(now):
    alive_worker(now, available_bytes=1 << 30)
    alive_worker(now - timedelta(seconds=20), available_bytes=9 << 30)

    machine = workplace(now=now).machines[0]

    assert (machine.used_bytes, machine.memory_bytes) == (15 << 30, 16 << 30)


def test_a_worker_of_another_version_is_told(now):
    alive_worker(now)
    alive_worker(now, code_version="0.9.0")

    workers = workplace(now=now).machines[0].workers

    assert [(one.worker.code_version, one.is_outdated) for one in workers] == [
        (code_version(), False),
        ("0.9.0", True),
    ]


def test_a_worker_that_fell_silent_today_is_told_and_one_that_stopped_is_not(now):
    silent = WorkerFactory(heartbeat_at=now - timedelta(hours=1))
    stopped = WorkerFactory(heartbeat_at=now, stopped_at=now)
    old = WorkerFactory(heartbeat_at=now - timedelta(days=2))
    alive_worker(now)

    assert workplace(now=now).silent == [silent]
    assert gone(now=now) == [stopped, old]


def test_the_queues_count_runs_workers_and_messages(now):
    alive_worker(now, queues=["cpu"])
    RunFactory.create_batch(2, status="queued", queue="cpu")
    RunFactory(status="queued", queue="cpu").experiments.add(ExperimentFactory(paused_at=now))
    RunFactory(status="waiting", queue="gpu")

    assert [tuple(queue) for queue in workplace(now=now).queues] == [
        ("cpu", 3, 1, 1, 2),
        ("gpu", 0, 0, 0, 0),
    ]


def test_a_broker_that_cannot_be_reached_is_told(now, monkeypatch):
    def unreachable(queue):
        raise OperationalError

    monkeypatch.setattr(broker, "num_messages", unreachable)

    assert [queue.num_messages for queue in workplace(now=now).queues] == [None, None]


def test_what_nobody_would_take_is_named_with_its_reason(now):
    alive_worker(now, queues=["cpu"])
    RunFactory(status="queued")
    RunFactory(status="queued").experiments.add(ExperimentFactory(paused_at=now))
    stuck = RunFactory(status="queued", queue="gpu")

    told = workplace(now=now).stuck

    assert [run for run, _ in told] == [stuck]
    assert told[0].reason.startswith("no worker listens to the queue gpu")


def test_the_number_of_queries_does_not_grow_with_workers_and_runs(now, django_assert_num_queries):
    for number in range(5):
        alive_worker(now, host=f"host{number}")
    RunFactory.create_batch(20, status="queued", queue="gpu", memory_needed=1 << 50)

    with django_assert_num_queries(6):
        workplace(now=now)
