"""Imports: every line becomes rows once, and a broken one stops nothing."""

import json
from io import BytesIO

import pytest

from alignment.data.formats.format import Defaults
from alignment.data.formats.registry import format_named
from annotate.errors import UnknownNameError
from annotate.models import (
    Comparison,
    Judge,
    Judgment,
    Language,
    Prompt,
    PromptSet,
    Rating,
    Response,
    Study,
    System,
)
from annotate.services import imports
from annotate.services.imports import Group, ImportPlan, ImportReport, import_file

pytestmark = pytest.mark.django_db
SAID = {"language": "en", "dataset": "d", "split": "test"}
PROMPT = {**SAID, "prompt": "Why?"}
RESPONSE = {**PROMPT, "completion": "So.", "system": "gpt"}
RATING = {**SAID, "prompt": "", "completion": "How kind.", "label": True}
PREFERENCE = {**PROMPT, "chosen": "Because.", "rejected": "No."}
ROWS = (Language, PromptSet, Prompt, System, Response, Rating, Study, Comparison, Judge, Judgment)


@pytest.fixture
def load(now):
    def load(*lines: object, **plan: object) -> ImportReport:
        content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        plan = ImportPlan(**{"format": format_named("jsonl"), "task": "dialog", **plan})
        return import_file(BytesIO(content.encode()), plan, now=now)

    return load


def num_rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in ROWS}


def test_a_prompt_becomes_a_row_of_its_set(load):
    report = load(PROMPT, licence="CC0-1.0")

    prompt = Prompt.objects.get()
    assert prompt.text == "Why?"
    assert prompt.as_record().as_json() == PROMPT
    assert prompt.prompt_set.task == "dialog"
    assert prompt.prompt_set.licence == "CC0-1.0"
    assert report.added == {Group("prompts", "d", "en", "test"): 1}
    assert not Judge.objects.exists()


def test_a_conversation_keeps_its_turns(load):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]

    load({**PROMPT, "prompt": turns})

    prompt = Prompt.objects.get()
    assert (prompt.text, prompt.messages) == ("", turns)
    assert prompt.key == prompt.as_record().key


def test_a_response_belongs_to_the_system_that_the_line_names(load):
    load(RESPONSE)

    response = Response.objects.get()
    assert (response.text, response.prompt.text) == ("So.", "Why?")
    assert (response.system.name, response.system.kind) == ("gpt", System.Kind.IMPORTED)
    assert response.system.language_id == "en"


def test_a_rating_is_a_verdict_of_its_data_set(load):
    load(RATING)

    rating = Rating.objects.get()
    assert rating.good
    assert (rating.judge.kind, rating.judge.name) == (Judge.Kind.DATASET, "d")
    assert rating.response.system.name == "imported: d"


def test_a_rated_response_keeps_the_system_that_wrote_it(load):
    load(RESPONSE, {**RESPONSE, "label": False})

    assert Rating.objects.get().response == Response.objects.get(system__name="gpt")


def test_a_preference_is_a_judged_comparison_in_a_closed_study(load, now):
    load(PREFERENCE)

    judgment = Judgment.objects.get()
    study = judgment.comparison.study
    assert (study.purpose, study.status, study.task) == ("imported", "closed", "dialog")
    assert judgment.judge == Judge.objects.get(kind=Judge.Kind.DATASET, name="d")
    assert judgment.created_at == now
    assert judgment.swapped is None
    assert judgment.comparison.language_id == "en"


def test_the_first_response_is_not_always_the_better(load):
    load(*({**PREFERENCE, "chosen": f"good {number}"} for number in range(40)))

    assert 5 < Judgment.objects.filter(points=2).count() < 35
    for judgment in Judgment.objects.select_related("comparison__first", "comparison__second"):
        pair = judgment.comparison
        better = pair.first if judgment.points == 2 else pair.second
        assert better.text.startswith("good")
        assert pair.first.digest < pair.second.digest


def test_a_data_set_has_one_study_for_each_task(load):
    load(PREFERENCE)
    load({**PREFERENCE, "prompt": "How?"})
    load(PREFERENCE, task="summarization")

    assert sorted(Study.objects.values_list("task", flat=True)) == ["dialog", "summarization"]


def test_importing_twice_adds_nothing(load):
    lines = [PROMPT, RESPONSE, RATING, PREFERENCE]
    load(*lines)
    before = num_rows()

    report = load(*lines)

    assert num_rows() == before
    assert (report.num_added, report.num_known, report.num_broken) == (0, 4, 0)


@pytest.mark.parametrize("lines_at_once", [1, 1000])
def test_lines_that_come_twice_in_a_file_count_once(load, monkeypatch, lines_at_once):
    monkeypatch.setattr(imports, "LINES_AT_ONCE", lines_at_once)
    lines = [RATING, PREFERENCE, RESPONSE]

    report = load(*lines, *lines)

    assert (report.num_added, report.num_known) == (3, 3)
    assert Response.objects.count() == 4


@pytest.mark.parametrize("lines_at_once", [1, 1000])
def test_a_prompt_that_an_earlier_line_brought_is_already_there(load, monkeypatch, lines_at_once):
    monkeypatch.setattr(imports, "LINES_AT_ONCE", lines_at_once)

    assert load(PREFERENCE, PROMPT).num_known == 1
    assert load({**PROMPT, "prompt": "How?"}, {**PREFERENCE, "prompt": "How?"}).num_added == 2


@pytest.mark.parametrize("lines_at_once", [1, 1000])
@pytest.mark.parametrize(
    ("line", "contrary"),
    [
        (RATING, {**RATING, "label": False}),
        (PREFERENCE, {**PREFERENCE, "chosen": "No.", "rejected": "Because."}),
    ],
    ids=["rating", "preference"],
)
def test_the_contrary_of_an_earlier_verdict_is_broken(load, monkeypatch, lines_at_once, line, contrary):
    monkeypatch.setattr(imports, "LINES_AT_ONCE", lines_at_once)

    report = load(line, contrary, line)

    assert (report.num_added, report.num_known, report.num_broken) == (1, 1, 1)
    assert report.broken[0].number == 2
    assert "other way" in report.broken[0].reason


def test_broken_lines_are_told_in_order_whatever_is_wrong(load, now):
    lines = ["{", {**PROMPT, "language": "klingon"}, PROMPT, {**PROMPT, "dataset": "d" * 81}, "[]"]

    report = load(*lines)

    assert [line.number for line in report.broken] == [1, 2, 4, 5]
    assert "klingon" in report.broken[1].reason
    assert "80 characters" in report.broken[2].reason
    assert report.num_added == 1


def test_a_system_with_too_long_a_name_is_refused(load):
    assert "160 characters" in load({**RESPONSE, "system": "s" * 161}).broken[0].reason


def test_only_the_first_broken_lines_are_kept_but_all_are_told(now):
    told = []
    plan = ImportPlan(format=format_named("jsonl"), task="dialog")

    report = import_file(BytesIO(b"{\n" * 30), plan, now=now, on_broken=told.append)

    assert report.is_useless
    assert (report.num_broken, len(report.broken), len(told)) == (30, 20, 30)


def test_an_empty_file_is_not_useless(load):
    assert not load().is_useless


@pytest.mark.parametrize("lines_at_once", [1, 1000])
def test_a_dry_run_tells_the_same_and_keeps_nothing(load, monkeypatch, lines_at_once):
    monkeypatch.setattr(imports, "LINES_AT_ONCE", lines_at_once)
    lines = [PROMPT, RATING, RATING, PREFERENCE, {**RATING, "label": False}, "{"]

    trial = load(*lines, dry_run=True)

    assert set(num_rows().values()) == {0}
    assert trial == load(*lines)


def test_an_interrupted_import_keeps_what_came_before_and_can_be_repeated(load, monkeypatch):
    monkeypatch.setattr(imports, "LINES_AT_ONCE", 1)
    monkeypatch.setattr(imports, "store_preferences", _fail_at_preferences)
    with pytest.raises(KeyboardInterrupt):
        load(RATING, PREFERENCE, PROMPT)
    kept = num_rows()
    monkeypatch.undo()

    report = load(RATING, PREFERENCE, PROMPT)

    assert (kept["Rating"], kept["Prompt"]) == (1, 1)
    assert (report.num_known, report.num_added) == (2, 1)
    assert Judgment.objects.count() == 1


def _fail_at_preferences(lines, **names):
    if any("chosen" in line.placed.record.as_json() for line in lines):
        raise KeyboardInterrupt
    return {}


def test_the_same_line_in_two_splits_or_languages_is_two(load):
    load(RATING, {**RATING, "split": "train"}, {**RATING, "language": "de"})

    assert Rating.objects.count() == 3
    assert sorted(System.objects.values_list("language", flat=True)) == ["de", "en"]


def test_the_names_of_a_published_set_are_those_of_its_format(load):
    load({"language": "de", "response": "Ja!", "good": True, "split": "test"}, format=format_named("xed"))

    prompt_set = PromptSet.objects.get()
    assert prompt_set.dataset == "xed"
    assert "CC-BY" in prompt_set.licence


def test_a_data_set_given_for_the_file_comes_before_that_of_the_format(load):
    line = {"language": "de", "response": "Ja!", "good": True}

    load(line, format=format_named("xed"), defaults=Defaults(dataset="mine"))

    assert PromptSet.objects.get().dataset == "mine"


def test_an_unknown_task_is_refused(load):
    with pytest.raises(UnknownNameError, match="poetry"):
        load(PROMPT, task="poetry")
