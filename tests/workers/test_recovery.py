"""Recovery: what every worker does for the others, and when it is stopped."""

import os
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from annotate import broker
from annotate.services import runs, webhooks
from tests.annotate.factories import ExperimentFactory, RunFactory
from workers.recovery import give_back, sweep, worker_name

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
