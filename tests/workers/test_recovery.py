"""Recovery: what every worker does for the others, and when it is stopped."""

import os
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from annotate import broker
from annotate.models import Worker
from annotate.services import runs, webhooks
from tests.annotate.factories import ExperimentFactory, RunFactory, WorkerFactory
from workers.recovery import ABANDONED_SECONDS, Recovery, give_back, sweep, worker_name

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_forgotten(monkeypatch):
    monkeypatch.setattr(broker, "announce_forgotten", lambda takeable: None)


def test_the_sweep_goes_by_the_silence_of_the_settings(settings, announced):
    settings.SILENCE_SECONDS = 60
    silent = RunFactory(status="running", heartbeat_at=timezone.now() - timedelta(seconds=70))
    lively = RunFactory(status="running", heartbeat_at=timezone.now() - timedelta(seconds=40))

    sweep()

    silent.refresh_from_db()
    lively.refresh_from_db()
    assert (silent.status, lively.status) == ("queued", "running")


def test_a_database_that_is_down_does_not_stop_the_worker(monkeypatch, caplog):
    def down(**fields):
        raise DatabaseError

    monkeypatch.setattr(runs, "recover", down)

    sweep()

    assert "The sweep failed" in caplog.text


def test_a_stopped_worker_gives_back_its_own_runs(announced):
    mine = RunFactory(status="running", worker=worker_name(os.getpid()), heartbeat_at=timezone.now())
    other = RunFactory(status="running", worker="elsewhere:1", heartbeat_at=timezone.now())

    give_back()

    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.status, other.status) == ("queued", "running")
    assert announced == [mine.pk]


def test_the_sweep_tells_what_nobody_was_told_of_and_delivers_it(monkeypatch, announced):
    run = RunFactory(status="failed", error="broken", finished_at=timezone.now())
    experiment = ExperimentFactory(created_by__webhook="https://example.org/hook")
    run.experiments.add(experiment)
    posted = []
    monkeypatch.setattr(webhooks, "post", lambda url, content, *, timeout: posted.append(content["event"]))

    sweep()

    assert posted == ["run failed", "experiment ended"]


def test_after_a_time_without_database_the_others_get_one_sweep_to_speak(settings, announced):
    silent = RunFactory(status="running", heartbeat_at=timezone.now() - timedelta(days=1))
    worker = Recovery(None)
    worker.reached_at -= 2 * settings.SWEEP_SECONDS + 1

    worker.tend()
    silent.refresh_from_db()
    first = silent.status
    worker.tend()

    silent.refresh_from_db()
    assert (first, silent.status) == ("running", "queued")


def test_a_worker_that_found_no_database_at_its_start_takes_over_the_row_of_a_stopped_one(announced):
    """A machine that boots gives the worker its old name, often before the database answers."""
    WorkerFactory(name=worker_name(os.getpid()), stopped_at=timezone.now())

    Recovery(None).tend()

    assert Worker.objects.get().stopped_at is None


def test_the_sweep_removes_what_was_being_stored_when_its_process_was_killed(settings, tmp_path):
    settings.ARTIFACTS = tmp_path
    for name in ("partial-old", "partial-young"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").touch()
    long_ago = time.time() - ABANDONED_SECONDS - 60
    for path in (tmp_path / "partial-old", tmp_path / "partial-old" / "model.safetensors"):
        os.utime(path, (long_ago, long_ago))
    os.utime(tmp_path / "partial-young", (long_ago, long_ago))  # its file is being written

    sweep()

    assert [path.name for path in tmp_path.iterdir()] == ["partial-young"]
