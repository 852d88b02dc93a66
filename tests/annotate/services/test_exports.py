"""Exports: what was imported comes out as it went in."""

from io import BytesIO

import pytest

from alignment.data.formats.registry import format_named
from alignment.jsonl import json_line
from alignment.records import Message, Preference, Prompt, Rating, SystemResponse
from annotate.errors import UnknownNameError
from annotate.models import Study
from annotate.services.exports import all_feedback, imported_records
from annotate.services.imports import ImportPlan, ImportReport, import_file
from tests.annotate.factories import ComparisonFactory, JudgmentFactory, PromptFactory, UnalignedSystemFactory

pytestmark = pytest.mark.django_db


def prompt(text, **more):
    return Prompt(text=text, **{"language": "en", "dataset": "d", "split": "test", **more})


RECORDS = [
    prompt("asked of nobody"),
    prompt((Message(role="user", content="Hi"),), language="de"),
    SystemResponse(prompt=prompt("Why?"), response="So.", system="gpt"),
    Rating(prompt=prompt("Why?"), response="No.", good=False, system="gpt"),
    Rating(prompt=prompt("", split="train"), response="How kind.", good=True),
    Preference(prompt=prompt("Why?"), chosen="Because.", rejected="So."),
    Preference(prompt=prompt("How?"), chosen="So.", rejected="Because."),
]


@pytest.fixture
def load(now):
    def load(records) -> ImportReport:
        plan = ImportPlan(format=format_named("jsonl"), task="dialog")
        return import_file(BytesIO("".join(map(json_line, records)).encode()), plan, now=now)

    return load


def test_what_was_imported_comes_out_again(load):
    load(RECORDS)

    exported = list(imported_records("dialog", "d"))

    assert len(exported) == len(RECORDS)
    assert {json_line(record) for record in exported} == {json_line(record) for record in RECORDS}


def test_importing_an_export_adds_nothing(load):
    load(RECORDS)

    report = load(list(imported_records("dialog", "d")))

    assert (report.num_added, report.num_known, report.num_broken) == (0, len(RECORDS), 0)


def test_what_was_made_or_judged_here_is_not_called_imported(load):
    load(RECORDS[:1])
    collected = ComparisonFactory(
        prompt=PromptFactory(prompt_set__task="dialog", prompt_set__dataset="d"),
        first__system=UnalignedSystemFactory(),
    )
    JudgmentFactory(comparison=collected, judge__kind="dataset")

    exported = list(imported_records("dialog", "d"))

    assert exported == [RECORDS[0], collected.prompt.as_record()]


def test_other_data_sets_and_tasks_stay_where_they_are(load):
    load([*RECORDS, Rating(prompt=prompt("", dataset="other"), response="So.", good=True)])

    assert all(getattr(record, "prompt", record).dataset == "d" for record in imported_records("dialog", "d"))
    with pytest.raises(UnknownNameError, match="Import it first"):
        list(imported_records("continuation", "d"))


@pytest.mark.parametrize("lines", [imported_records, all_feedback])
def test_only_the_languages_that_are_named_come_out(load, lines):
    german = Rating(prompt=prompt("", language="de"), response="Wie nett.", good=True)
    load([*RECORDS, german])

    assert {getattr(record, "prompt", record).language for record in lines("dialog", "d")} == {"en", "de"}
    assert [record for record in lines("dialog", "d", ["de"]) if record != RECORDS[1]] == [german]
    with pytest.raises(UnknownNameError, match="nothing in eo, fr"):
        list(lines("dialog", "d", ["de", "fr", "eo"]))


def test_all_feedback_holds_what_was_collected_here(load):
    load(RECORDS)
    collected = ComparisonFactory(
        study__task="dialog",
        study__purpose=Study.Purpose.COLLECT,
        prompt=PromptFactory(prompt_set__task="dialog", prompt_set__dataset="d"),
        first__text="una",
    )
    JudgmentFactory(comparison=collected)

    feedback = list(all_feedback("dialog", "d"))

    assert len(feedback) == 5
    assert sum(isinstance(record, Rating) for record in feedback) == 2
    assert "una" in {record.chosen for record in feedback if isinstance(record, Preference)}
