"""The one task: claim, do, report; on a script in the place of the science."""

import json

import pytest

from alignment.records import PooledResponse, PromptPool
from annotate import broker
from annotate.models import Run
from annotate.services import runs
from tests.annotate.factories import LanguageFactory, PromptFactory, RunFactory
from workers import tasks
from workers.celery import app
from workers.job import store
from workers.tasks import execute_run

pytestmark = pytest.mark.django_db(transaction=True)
WRITE = """
import json, pathlib, sys
output = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
print(json.dumps({"done": 1, "total": 1, "unit": "prompts"}))
output.write_text(POOL)
print(json.dumps({"result": {"num_prompts": 1}}))
"""


@pytest.fixture
def prompt():
    return PromptFactory(prompt_set__language=LanguageFactory(tag="es"))


@pytest.fixture
def run(prompt):
    """A queued sample run of one prompt."""
    digest = store().put_lines("prompts.jsonl", [prompt.as_record()]).digest
    return RunFactory(
        kind=Run.Kind.SAMPLE,
        status="queued",
        target=prompt.prompt_set.language,
        config={
            "task": "continuation",
            "policy": "tiny",
            "n": 2,
            "seed": 0,
            "prompts": digest,
            "languages": ["es"],
        },
    )


@pytest.fixture
def pool(prompt):
    """The text of its pool."""
    response = PooledResponse(text="y vivieron felices", logprob=-3.0, num_tokens=4, finished=True)
    pool = PromptPool(prompt=prompt.as_record(), unaligned=response, candidates=(response, response))
    return json.dumps(pool.as_json()) + "\n"


def test_a_run_leaves_its_artifact_its_result_and_its_rows(run, pool, scripted, announced):
    scripted(WRITE.replace("POOL", repr(pool)))

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error, run.result) == ("succeeded", "", {"num_prompts": 1})
    artifact = run.artifacts.get()
    assert (artifact.role, artifact.name) == ("pool", "pool.jsonl")
    assert store().verify(artifact.digest).read_text() == pool
    assert run.system.responses.get().text == "y vivieron felices"


def test_its_command_is_kept_for_a_shell(run, pool, scripted, announced):
    scripted(WRITE.replace("POOL", repr(pool)))

    execute_run(run.pk)

    run.refresh_from_db()
    assert run.command.startswith("python -m alignment sample --prompts /")
    assert "--n 2" in run.command


def test_only_the_log_is_left_of_the_work_directory(run, pool, scripted, announced):
    scripted(WRITE.replace("POOL", repr(pool)))

    execute_run(run.pk)

    assert sorted(path.name for path in runs.work_directory(run).iterdir()) == ["lock", "log"]


def test_a_doubled_message_is_harmless(run, pool, scripted, announced):
    scripted(WRITE.replace("POOL", repr(pool)))

    execute_run(run.pk)
    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.attempt, run.status, run.artifacts.count()) == (1, "succeeded", 1)


def test_an_error_that_a_person_can_mend_is_shown_as_its_sentence(run, scripted, announced):
    scripted("import sys\nsys.stderr.write('There is no policy called tiny.\\n')\nsys.exit(2)")

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_kind) == ("failed", "user")
    assert run.error == "There is no policy called tiny."


def test_a_fault_of_ours_keeps_its_traceback(run, scripted, announced):
    scripted("1 / 0")

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_kind) == ("failed", "ours")
    assert "ZeroDivisionError" in run.error


def test_a_command_that_leaves_no_output_fails_the_run(run, scripted, announced):
    scripted("")

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_kind) == ("failed", "ours")
    assert "pool.jsonl" in run.error


def test_a_run_whose_data_is_gone_says_so(run, scripted, announced):
    run.config["prompts"] = "0" * 64
    run.save()

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.error_kind) == ("failed", "user")
    assert "run again" in run.error


def test_a_run_that_is_lost_while_it_is_stored_leaves_nothing(run, pool, scripted, announced, monkeypatch):
    """Somebody cancels between the end of the process and the finish."""
    scripted(WRITE.replace("POOL", repr(pool)))
    finish = runs.finish

    def cancelled_before(held, **fields):
        Run.objects.filter(pk=held.pk).cancel(now=fields["now"])
        finish(held, **fields)

    monkeypatch.setattr(runs, "finish", cancelled_before)

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.result, run.artifacts.count()) == ("cancelled", {}, 0)
    assert not hasattr(run, "system")


def test_a_checkpoint_of_a_failed_attempt_is_there_for_the_next(run, scripted, announced):
    scripted(
        "import pathlib, sys\n"
        "(pathlib.Path(sys.argv[sys.argv.index('--output') + 1]).parent / 'checkpoint').write_text('1')\n"
        "sys.exit(1)"
    )

    execute_run(run.pk)

    assert (runs.work_directory(run) / "checkpoint").read_text() == "1"


def test_a_run_that_hangs_counts_as_an_attempt_and_is_tried_again(run, scripted, announced, settings):
    settings.HANG_SECONDS = 0.5
    scripted("import time\ntime.sleep(60)")

    execute_run(run.pk)

    run.refresh_from_db()
    assert (run.status, run.attempts_left) == ("queued", Run.MAX_ATTEMPTS - 1)
    assert announced == [run.pk]


def test_whoever_hears_a_message_takes_the_run_that_goes_first(run, pool, scripted, announced):
    scripted(WRITE.replace("POOL", repr(pool)))
    rang = RunFactory(status="queued", priority=-1)

    execute_run(rang.pk)

    run.refresh_from_db()
    rang.refresh_from_db()
    assert (run.status, rang.status) == ("succeeded", "queued")


def test_the_announced_task_exists():
    assert tasks.execute_run.name == broker.TASK
    assert broker.TASK in app.tasks


def test_the_worker_listens_to_every_queue_that_is_announced_on():
    assert set(app.amqp.queues) == set(broker.QUEUES) == set(Run.Queue.values)
