"""What was counted before is counted again exactly when there is something newer."""

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alignment.data.formats.registry import format_named
from annotate.models import PromptSet, Study
from annotate.services import evidence
from annotate.services.imports import ImportPlan, import_file
from annotate.web.datasets import all_datasets
from tests.annotate.factories import ExperimentFactory, JudgmentFactory, PromptSetFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def bring(now):
    """Import a prompt."""

    def bring(text):
        line = f'{{"prompt": "{text}", "language": "es", "dataset": "greetings", "split": "test"}}\n'
        plan = ImportPlan(format=format_named("jsonl"), task="continuation")
        return import_file(io.BytesIO(line.encode()), plan, now=now)

    return bring


def judge(purpose):
    """A verdict in a study of this purpose, on prompts that an import brought."""
    experiment = ExperimentFactory() if purpose == Study.Purpose.EVALUATE else None
    judgment = JudgmentFactory(comparison__study__purpose=purpose, comparison__study__experiment=experiment)
    PromptSet.objects.filter(changed_at=None).update(changed_at=judgment.created_at)


def num_prompts() -> int:
    return sum(count for dataset in all_datasets() for _, count in dataset.prompts)


def test_an_import_is_newer(bring):
    bring("Hola")
    before = evidence.newest()

    bring("Adiós")

    assert before is not None
    assert evidence.newest() != before


def test_an_import_that_adds_nothing_is_not(bring):
    bring("Hola")
    before = evidence.newest()

    bring("Hola")

    assert evidence.newest() == before


@pytest.mark.parametrize(("purpose", "matters"), [("collect", True), ("evaluate", False)])
def test_a_verdict_is_newer_where_reward_models_learn_from_it(purpose, matters):
    judge(purpose)
    before = evidence.newest()

    JudgmentFactory(comparison=Study.objects.get().comparisons.get())

    assert (evidence.newest() != before) == matters


def test_rows_that_came_by_another_way_are_looked_at_each_time():
    PromptSetFactory()

    assert evidence.newest() is None


def test_data_sets_are_counted_once_until_something_is_imported(bring):
    bring("Hola")
    assert num_prompts() == 1

    with CaptureQueriesContext(
        connection,
    ) as again:
        assert num_prompts() == 1
    bring("Adiós")

    assert len(again) == 2
    assert num_prompts() == 2


def test_half_a_file_that_a_crash_left_is_worked_out_anew():
    evidence.remembered(lambda: "before", "key")
    (file,) = Path(settings.CACHES["default"]["LOCATION"]).glob("*.djcache")
    file.write_bytes(file.read_bytes()[:12])

    assert evidence.remembered(lambda: "anew", "key") == "anew"


def test_what_other_code_worked_out_is_worked_out_anew(monkeypatch):
    evidence.remembered(lambda: "before", "key")
    monkeypatch.setattr(evidence, "code_version", lambda: "another")

    assert evidence.remembered(lambda: "anew", "key") == "anew"
