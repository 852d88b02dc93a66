"""Data in and out from the command line."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotate.models import Prompt, PromptSet, Rating

pytestmark = pytest.mark.django_db
GOOD = {"prompt": "", "language": "en", "dataset": "d", "completion": "How kind.", "label": True}


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(GOOD) + "\n")
    return path


def run(command: str, *arguments: object, **options: object) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def test_an_import_says_what_it_added_by_group(file):
    said = run("import_data", file, task="continuation")

    assert "1 added, 0 already there, 0 broken" in said
    assert "1 ratings of d, en train" in said
    assert Rating.objects.count() == 1


def test_what_the_options_say_fills_in_for_the_lines(file):
    file.write_text('{"prompt": "Hola"}')

    run("import_data", file, task="dialog", dataset="d", language="es", split="test", licence="MIT")

    prompt_set = PromptSet.objects.get()
    assert (prompt_set.task, prompt_set.dataset, prompt_set.language_id) == ("dialog", "d", "es")
    assert (prompt_set.split, prompt_set.licence) == ("test", "MIT")


def test_a_broken_line_is_told_and_does_not_fail_the_import(file):
    with file.open("a") as lines:
        lines.write("{\n")

    said = run("import_data", file, task="continuation")

    assert "1 added, 0 already there, 1 broken" in said
    assert "line 2: This is not JSON" in said


def test_a_report_holds_every_broken_line(file, tmp_path):
    file.write_text("{\n" * 30 + json.dumps(GOOD))

    said = run("import_data", file, task="continuation", report=tmp_path / "report.txt")

    lines = (tmp_path / "report.txt").read_text().splitlines()
    assert len(lines) == 30
    assert lines[-1].startswith(f"{file}, line 30: ")
    assert said.count("not JSON") == 20
    assert "and more" in said


def test_a_dry_run_says_that_nothing_was_kept(file):
    said = run("import_data", file, task="continuation", dry_run=True)

    assert "1 added" in said
    assert "nothing was kept" in said
    assert not Rating.objects.exists()


def test_a_file_of_broken_lines_alone_fails(file):
    with pytest.raises(CommandError, match="Is --format right"):
        run("import_data", file, task="continuation", format="oasst1")


def test_one_good_file_is_enough(file, tmp_path):
    (tmp_path / "bad.jsonl").write_text("{")

    assert "1 added" in run("import_data", tmp_path / "bad.jsonl", file, task="continuation")


def test_an_empty_file_is_no_failure(file):
    file.write_text("")

    assert "0 added, 0 already there, 0 broken" in run("import_data", file, task="continuation")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"task": "poetry"}, "There is no task 'poetry'"),
        ({"task": "dialog", "format": "csv"}, "There is no format 'csv'"),
    ],
)
def test_an_unknown_name_is_answered_with_a_sentence(file, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        run("import_data", file, **options)


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_answered_with_a_sentence(tmp_path, name):
    with pytest.raises(CommandError, match="could not be used"):
        run("import_data", tmp_path / name, task="dialog")


def test_an_export_is_what_was_imported(file):
    run("import_data", file, task="continuation")

    (line,) = run("export_data", task="continuation", dataset="d").splitlines()

    assert json.loads(line) == {**GOOD, "split": "train"}
    assert run("export_data", task="continuation", dataset="d", feedback=True).splitlines() == [line]


def test_an_export_of_nothing_is_answered_with_a_sentence():
    with pytest.raises(CommandError, match="Import it first"):
        run("export_data", task="continuation", dataset="d")


def test_the_sample_is_loaded_whole_and_once():
    first, second = run("load_sample"), run("load_sample")

    assert Rating.objects.count() == 620
    assert Prompt.objects.exclude(text="").count() == 156
    assert all(line.endswith("0 already there, 0 broken") for line in first.splitlines())
    assert all(": 0 added" in line for line in second.splitlines())
