"""Real Celery workers on a real broker, with tiny random checkpoints."""

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils import timezone

from annotate import broker
from annotate.models import Comparison, Experiment, Run
from annotate.services import experiments, runs
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import (
    ExperimentFactory,
    LanguageFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
    RunFactory,
    UserFactory,
)
from tests.services.conftest import ROOT, lives, wait_until
from workers.job import store

pytestmark = pytest.mark.services

tiny_policy, tiny_encoder = checkpoints.tiny_policy, checkpoints.tiny_encoder
MANY = 150  # prompts: enough to kill a worker in the middle
GOOD = ("It was warm", "We laughed all day", "She smiled", "What a lovely song", "They danced", "I was home")
BAD = ("It rained again", "The roof fell in", "He lost the key", "Nobody came", "They left", "I was cold")


@pytest.fixture
def sample_run(tiny_policy, transactional_db):
    """A queued run that samples for many prompts, which takes a while."""
    prompts = [PromptFactory(prompt_set__language=LanguageFactory(tag="es")) for _ in range(MANY)]
    digest = store().put_lines("prompts.jsonl", [prompt.as_record() for prompt in prompts]).digest
    config = {"task": "continuation", "policy": str(tiny_policy), "n": 4, "seed": 3, "prompts": digest}
    return RunFactory(
        kind=Run.Kind.SAMPLE,
        status="queued",
        target_id="es",
        config={**config, "languages": ["en", "es"]},
    )


def news_of(run: Run) -> Run:
    run.refresh_from_db()
    return run


def under_way(run: Run, *, attempt: int = 1) -> bool:
    return news_of(run).attempt == attempt and run.status == "running" and run.done > 2


def processes_of(run: Run) -> list[int]:
    """The processes that work on a run: their command lines name its work directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and run.identity.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [process_id for process_id in found if lives(process_id)]


def uninterrupted(run: Run, output: Path) -> bytes:
    """The bytes that the run's command writes when nobody disturbs it."""
    words = shlex.split(run.command)[1:]
    words[words.index("--output") + 1] = str(output)
    subprocess.run([sys.executable, *words, "--progress", "none"], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return output.read_bytes()


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
    """en → es: rated lines in both languages, openings in Spanish, and two tiny checkpoints."""
    for tag, split in (("en", "train"), ("en", "validation"), ("en", "test"), ("es", "test")):
        lines = PromptSetFactory(language=LanguageFactory(tag=tag), dataset="lines", split=split)
        prompt = PromptFactory(prompt_set=lines, text="")
        for text in GOOD + BAD:
            response = ResponseFactory(prompt=prompt, text=f"{text} {split}")
            RatingFactory(response=response, good=text in GOOD)
    openings = PromptSetFactory(language=LanguageFactory(tag="es"), dataset="openings")
    for text in ("Aquella noche", "El mar", "Mi abuela"):
        PromptFactory(prompt_set=openings, text=text)
    return ExperimentFactory.build(
        policy=str(tiny_policy), backbone=str(tiny_encoder), n=4, num_prompts=3, created_by=UserFactory()
    )


def test_an_experiment_runs_from_ratings_to_comparisons(experiment, start_worker):
    start_worker()

    experiments.launch(
        experiment,
        sources=[LanguageFactory(tag="en")],
        targets=[LanguageFactory(tag="es")],
    )

    wait_until(lambda: all(run.is_terminal for run in experiment.runs.all()), 150)
    assert {(run.kind, run.status, run.error) for run in experiment.runs.all()} == {
        (kind, "succeeded", "") for kind in Run.Kind.values
    }
    assert Comparison.objects.filter(study=experiment.study).count() == 3
    assert experiment.runs.get(kind="accuracy").result["groups"]
