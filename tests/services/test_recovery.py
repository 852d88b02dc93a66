"""What a grown installation survives: kill -9 of its workers, its broker and its database."""

import os
import signal
import time
from pathlib import Path

import pytest
from django.db import connection

from annotate import broker
from annotate.models import Run
from annotate.services import runs
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import RunFactory
from tests.services.conftest import lives, wait_until
from tests.services.servers import processes_under
from tests.services.work import news_of, processes_of, queue_sampling, under_way, uninterrupted
from workers.job import store

pytestmark = [pytest.mark.services, pytest.mark.own_servers]

tiny_policy = checkpoints.tiny_policy


@pytest.fixture
def sample_run(tiny_policy, grown) -> Run:
    """A run that takes a while, announced."""
    run = queue_sampling(tiny_policy)
    broker.announce([run.pk])
    return run


def pool_process(worker) -> int:
    """The process of a worker that executes runs."""
    (found,) = [
        pid for pid in processes_under(worker.pid) if b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return found


def succeeded_as_if_undisturbed(run: Run, tmp_path: Path) -> bool:
    """Wait for the end of a run and compare its output with that of its command alone."""
    wait_until(lambda: news_of(run).is_terminal, 120)
    assert run.status == "succeeded", run.error
    wait_until(lambda: not processes_of(run), 10)
    pool = store().verify(run.artifacts.get().digest)
    return pool.read_bytes() == uninterrupted(run, tmp_path / "pool.jsonl")


def test_a_run_whose_worker_was_killed_is_ended_by_another(sample_run, start_worker, tmp_path):
    lost = start_worker()
    wait_until(lambda: under_way(sample_run))
    orphans = processes_under(lost.pid)

    lost.kill()

    wait_until(lambda: not any(map(lives, orphans)), 10)
    start_worker()
    assert succeeded_as_if_undisturbed(sample_run, tmp_path)
    assert sample_run.attempt == 2


def test_a_worker_whose_process_was_killed_takes_the_run_again(sample_run, start_worker, tmp_path):
    worker = start_worker()
    wait_until(lambda: under_way(sample_run))

    os.kill(pool_process(worker), signal.SIGKILL)

    assert succeeded_as_if_undisturbed(sample_run, tmp_path)
    assert sample_run.attempt == 2


def test_a_command_that_was_killed_fails_its_run_and_a_retry_goes_on(sample_run, start_worker, tmp_path):
    start_worker()
    wait_until(lambda: under_way(sample_run))
    (command,) = processes_of(sample_run)

    os.kill(command, signal.SIGKILL)

    wait_until(lambda: news_of(sample_run).status == "failed", 20)
    assert "killed, most likely for want of memory" in sample_run.error
    runs.retry(sample_run)
    assert succeeded_as_if_undisturbed(sample_run, tmp_path)


def test_a_broker_that_died_and_lost_its_data_loses_no_run(sample_run, start_worker, grown, tmp_path):
    other = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued")  # it has no parents, so it fails at once
    start_worker()
    wait_until(lambda: under_way(sample_run))
    broker.announce([other.pk])

    grown.redis.kill()
    grown.redis.lose_everything()
    grown.redis.start()

    assert succeeded_as_if_undisturbed(sample_run, tmp_path)
    assert sample_run.attempt == 1
    wait_until(lambda: news_of(other).status == "failed", 60)


def test_a_run_goes_on_where_the_database_is_killed_and_recovers(sample_run, start_worker, grown, tmp_path):
    start_worker()
    wait_until(lambda: under_way(sample_run))

    grown.postgres.kill()
    time.sleep(2)  # ten heartbeats
    grown.postgres.start()
    connection.close()  # of this process, which was killed too

    assert succeeded_as_if_undisturbed(sample_run, tmp_path)
    assert sample_run.attempt == 1
