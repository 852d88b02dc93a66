"""A worker says what it is, and its row follows it."""

from datetime import timedelta

import pytest

from alignment.devices import Device, Machine
from annotate.models import Worker
from annotate.version import code_version
from workers import announcement
from workers.announcement import begin, refresh, this_worker, worker_name
from workers.celery import app

pytestmark = pytest.mark.django_db
GPU = Device(name="NVIDIA L4", memory_bytes=24, used_bytes=3, utilisation=70)
MACHINE = Machine(host="lab", num_cpus=8, memory_bytes=64, available_bytes=32, devices=(GPU,))


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr(announcement, "read_machine", lambda: MACHINE)


def test_a_worker_that_starts_says_what_it_is(now):
    begin(7, ["cpu", "gpu"], now=now)

    worker = Worker.objects.get()
    assert (worker.name, worker.host, worker.queues) == (worker_name(7), "lab", ["cpu", "gpu"])
    assert (worker.num_cpus, worker.memory_bytes, worker.available_bytes) == (8, 64, 32)
    assert worker.devices == [{"name": "NVIDIA L4", "memory_bytes": 24, "used_bytes": 3, "utilisation": 70}]
    assert (worker.code_version, worker.started_at, worker.heartbeat_at) == (code_version(), now, now)
    assert worker.usable_bytes == 24


def test_a_refresh_keeps_the_start_and_the_stop(now):
    begin(7, ["cpu"], now=now)
    Worker.objects.stop(now=now)

    refresh(7, ["cpu"], now=now + timedelta(seconds=10))

    worker = Worker.objects.get()
    assert (worker.started_at, worker.stopped_at) == (now, now)
    assert worker.heartbeat_at == now + timedelta(seconds=10)


def test_a_worker_that_found_no_database_at_the_start_is_written_by_its_sweep(now):
    refresh(7, ["cpu"], now=now)

    assert Worker.objects.get().started_at == now


def test_a_worker_with_the_name_of_a_stopped_one_starts_anew(now):
    begin(7, ["cpu"], now=now)
    Worker.objects.stop(now=now)

    begin(7, ["gpu"], now=now + timedelta(hours=1))

    worker = Worker.objects.get()
    assert (worker.queues, worker.stopped_at) == (["gpu"], None)
    assert worker.started_at == now + timedelta(hours=1)


def test_a_process_of_the_pool_finds_the_row_of_its_worker(now):
    worker = begin(7, ["cpu"], now=now)

    assert this_worker(7, ["cpu"], now=now) == worker


def test_a_worker_without_q_listens_to_every_queue():
    assert announcement.listened_queues(app) == ["cpu", "gpu"]
