"""The job of every kind of run: its command, from the run's configuration and its parents' artifacts."""

import subprocess
import sys
from pathlib import Path

import pytest

from alignment.artifacts import ArtifactStore
from annotate.models import Artifact, Run
from tests.annotate.factories import RunFactory
from workers.job import store
from workers.jobs import JOBS

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
CONFIG = {
    "task": "continuation",
    "policy": "package:gemma3-270m",
    "backbone": "package:multilingual-e5-small",
    "method": "frozen",
    "n": 4,
    "seed": 7,
    "languages": ["en", "es"],
}


@pytest.fixture
def frozen(tmp_path):
    """The digest of some data in the store."""
    path = tmp_path / "data.jsonl"
    path.write_text("{}\n")
    return store().put(path).digest


@pytest.fixture
def family(frozen, tmp_path):
    """A parent for each role, and a child of all of them; the parents' artifacts differ."""
    child = RunFactory(config={**CONFIG, "data": frozen, "prompts": frozen})
    for role in ("reward_model", "policy", "pool", "rewards"):
        path = tmp_path / role
        path.write_text(role)
        parent = RunFactory()
        stored = store().put(path)
        Artifact.objects.create(run=parent, role=role, name=role, digest=stored.digest, num_bytes=1)
        child.parents.add(parent)
    return child


def options_of(run, kind):
    """The subcommand, and the words that follow each option."""
    subcommand, *words = JOBS[kind].arguments(run)
    options = {}
    for word in words:
        if word.startswith("--"):
            options[word] = values = []
        else:
            values.append(word)
    return subcommand, options


def test_every_kind_of_run_has_a_job():
    assert set(JOBS) == set(Run.Kind.values)


def test_no_two_jobs_leave_the_same_role():
    assert len({job.role for job in JOBS.values()}) == len(JOBS)


def test_a_reward_model_is_trained_on_the_frozen_feedback(family, frozen, settings):
    assert options_of(family, "reward_model") == (
        "train-reward",
        {
            "--data": [str(store().path(frozen))],
            "--backbone": ["package:multilingual-e5-small"],
            "--method": ["frozen"],
            "--task": ["continuation"],
            "--seed": ["7"],
            "--languages": ["en", "es"],
            "--models": [str(settings.MODELS)],
        },
    )


def test_a_pool_is_sampled_for_the_frozen_prompts(family, frozen, settings):
    assert options_of(family, "sample") == (
        "sample",
        {
            "--prompts": [str(store().path(frozen))],
            "--policy": ["package:gemma3-270m"],
            "--task": ["continuation"],
            "--n": ["4"],
            "--seed": ["7"],
            "--languages": ["en", "es"],
            "--models": [str(settings.MODELS)],
        },
    )


def test_an_sft_policy_is_trained_on_the_frozen_demonstrations(family, frozen, settings):
    assert options_of(family, "sft") == (
        "sft",
        {
            "--data": [str(store().path(frozen))],
            "--policy": ["package:gemma3-270m"],
            "--method": ["frozen"],
            "--task": ["continuation"],
            "--seed": ["7"],
            "--languages": ["en", "es"],
            "--models": [str(settings.MODELS)],
        },
    )


def test_a_pool_without_a_policy_of_its_own_is_sampled_from_what_sft_left(family):
    del family.config["policy"]

    (path,) = options_of(family, "sample")[1]["--policy"]

    assert Path(path).read_text() == "policy"


@pytest.mark.parametrize(
    ("kind", "subcommand", "inputs"),
    [
        ("score", "score", {"--pool": "pool", "--reward-model": "reward_model"}),
        ("best_of_n", "best-of-n", {"--pool": "pool", "--rewards": "rewards"}),
        ("accuracy", "accuracy", {"--reward-model": "reward_model"}),
    ],
)
def test_a_child_works_on_what_its_parents_left(family, kind, subcommand, inputs):
    name, options = options_of(family, kind)

    assert name == subcommand
    for option, role in inputs.items():
        (path,) = options[option]
        assert Path(path).read_text() == role


def test_the_number_to_choose_from_reaches_best_of_n(family):
    assert options_of(family, "best_of_n")[1]["--n"] == ["4"]


def test_data_that_was_changed_since_the_launch_is_refused(family, frozen):
    path = ArtifactStore(store().root).path(frozen)
    path.chmod(0o644)
    path.write_text("forged\n")

    try:
        with pytest.raises(Exception, match="was changed"):
            JOBS["sample"].arguments(family)
    finally:
        path.write_text("{}\n")


def test_celerys_process_never_loads_torch():
    code = (
        "import sys, workers.celery, workers.tasks\n"
        "assert 'workers.jobs' in sys.modules\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0  # noqa: S603
