"""Real Celery workers on a real broker, with tiny random checkpoints."""

import os
import signal

import pytest
from django.utils import timezone

from annotate import broker
from annotate.models import Comparison, Experiment, Run
from annotate.services import control, experiments, runs
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import ExperimentFactory, LanguageFactory, RunFactory
from tests.services.conftest import lives, wait_until
from tests.services.work import (
    news_of,
    plan_experiment,
    processes_of,
    queue_sampling,
    under_way,
    uninterrupted,
)
from workers.job import store

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

tiny_policy, tiny_encoder = checkpoints.tiny_policy, checkpoints.tiny_encoder


@pytest.fixture
def sample_run(tiny_policy, transactional_db) -> Run:
    return queue_sampling(tiny_policy)


def test_a_run_goes_on_after_kill_9_of_its_worker_and_ends_with_the_same_bytes(
    sample_run, start_worker, tmp_path
):
    broker.announce([sample_run.pk])
    first = start_worker()
    wait_until(lambda: under_way(sample_run))

    first.kill()

    wait_until(lambda: not processes_of(sample_run), 10)
    done = news_of(sample_run).done
    start_worker()
    seen = []
    wait_until(lambda: seen.append(news_of(sample_run).done) or sample_run.is_terminal)
    assert (sample_run.status, sample_run.attempt) == ("succeeded", 2), sample_run.error
    assert min(seen) >= done, "the second attempt began from the beginning"
    pool = store().verify(sample_run.artifacts.get().digest)
    assert pool.read_bytes() == uninterrupted(sample_run, tmp_path / "pool.jsonl")


def test_a_stopped_worker_gives_its_run_back_in_seconds_and_loses_no_attempt(sample_run, start_worker):
    broker.announce([sample_run.pk])
    worker = start_worker()
    wait_until(lambda: under_way(sample_run))

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0
    assert not processes_of(sample_run)
    assert (news_of(sample_run).status, sample_run.attempts_left) == ("queued", Run.MAX_ATTEMPTS)


def test_a_cancelled_run_stops_in_seconds_and_its_worker_takes_the_next(sample_run, start_worker):
    broker.announce([sample_run.pk])
    start_worker()
    wait_until(lambda: under_way(sample_run))
    doomed = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued")  # it has no parents, so it fails at once
    broker.announce([doomed.pk])

    runs.cancel(sample_run, now=timezone.now())

    wait_until(lambda: not processes_of(sample_run), 8)
    wait_until(lambda: news_of(doomed).status == "failed", 10)
    assert news_of(sample_run).status == "cancelled"


STUBBORN = """
import os, pathlib, signal, subprocess, sys
if "alignment" in sys.orig_argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    pathlib.Path(os.environ["STUBBORN"]).write_text(str(child.pid))
"""  # a child inherits what its parent ignores


def test_a_cancelled_run_that_ignores_the_polite_signal_leaves_no_orphan(
    sample_run, environment, start_worker, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(STUBBORN)
    environment |= {"PYTHONPATH": str(tmp_path), "STUBBORN": str(tmp_path / "grandchild")}
    broker.announce([sample_run.pk])
    start_worker()
    wait_until(lambda: under_way(sample_run))
    processes = [*processes_of(sample_run), int((tmp_path / "grandchild").read_text())]
    assert len(processes) == 2

    runs.cancel(sample_run, now=timezone.now())

    wait_until(lambda: not any(map(lives, processes)), 8)
    assert news_of(sample_run).status == "cancelled"


def test_a_paused_experiment_stops_in_seconds_and_ends_with_the_same_bytes_later(
    sample_run, adam, start_worker, tmp_path
):
    experiment = ExperimentFactory()
    sample_run.experiments.add(experiment)
    broker.announce([sample_run.pk])
    start_worker()
    wait_until(lambda: under_way(sample_run))

    control.pause(experiment, by=adam, now=timezone.now())

    wait_until(lambda: not processes_of(sample_run), 8)
    done = news_of(sample_run).done
    other = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued")  # the worker goes on with what is not paused
    broker.announce([other.pk])
    wait_until(lambda: news_of(other).status == "failed", 10)
    assert (news_of(sample_run).status, sample_run.attempts_left) == ("queued", Run.MAX_ATTEMPTS)
    control.resume(experiment, by=adam)
    wait_until(lambda: news_of(sample_run).is_terminal)
    assert (sample_run.status, sample_run.attempt) == ("succeeded", 2), sample_run.error
    assert list(sample_run.attempts.values_list("outcome", "done_before"))[1] == ("succeeded", done)
    pool = store().verify(sample_run.artifacts.get().digest)
    assert pool.read_bytes() == uninterrupted(sample_run, tmp_path / "pool.jsonl")


def test_the_most_urgent_run_is_done_first_whatever_was_rung_for(start_worker, transactional_db):
    ids = [
        RunFactory(kind=Run.Kind.BEST_OF_N, status="queued", priority=priority).pk for priority in (-1, 0, 1)
    ]
    broker.announce(ids)

    start_worker()

    wait_until(lambda: Run.objects.filter(status="failed").count() == 3, 30)
    assert list(Run.objects.order_by("finished_at").values_list("pk", flat=True)) == ids[::-1]


def test_a_run_whose_message_was_lost_is_done_all_the_same(start_worker):
    forgotten = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued")

    start_worker()

    wait_until(lambda: news_of(forgotten).attempt == 1, 30)


def test_a_busy_worker_holds_no_message_that_an_idle_one_could_take(sample_run, environment, start_worker):
    environment["POLYREWARD_SWEEP_SECONDS"] = "600"  # the sweep would ring again and hide a held message
    Run.objects.update(config={**sample_run.config, "n": 64})  # long enough for a second worker to start
    broker.announce([sample_run.pk])
    busy = start_worker()
    wait_until(lambda: under_way(sample_run))
    other = RunFactory(kind=Run.Kind.SAMPLE, status="queued")
    broker.announce([other.pk])

    start_worker()

    wait_until(lambda: news_of(other).attempt == 1, 30)
    assert news_of(sample_run).status == "running"
    os.kill(busy.pid, 0)


@pytest.fixture
def experiment(tiny_policy, tiny_encoder, transactional_db) -> Experiment:
    return plan_experiment(tiny_policy, tiny_encoder)


def test_an_experiment_runs_from_ratings_to_comparisons(experiment, start_worker):
    start_worker()

    experiments.launch(
        experiment,
        sources=[LanguageFactory(tag="en")],
        targets=[LanguageFactory(tag="es")],
    )

    wait_until(lambda: all(run.is_terminal for run in experiment.runs.all()), 150)
    assert {(run.kind, run.status, run.error) for run in experiment.runs.all()} == {
        (kind, "succeeded", "")
        for kind in set(Run.Kind.values) - {"sft"}  # it names no demonstrations
    }
    assert Comparison.objects.filter(study=experiment.study).count() == 3
    assert experiment.runs.get(kind="accuracy").result["groups"]
