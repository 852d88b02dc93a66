import json

import pytest

from alignment.errors import AlignmentError
from tests.alignment.translation.conftest import LINES, TURKISH, read_lines, write_lines


@pytest.fixture
def ready(tmp_path):
    """Writes a file of ready translations. Returns its path."""

    def write(translations, *more):
        pairs = [{"text": text, "translation": made} for text, made in translations.items()]
        return str(write_lines(tmp_path / "ready.jsonl", [*pairs, *more]))

    return write


def without(*texts):
    return {text: made for text, made in TURKISH.items() if text not in texts}


def test_every_text_of_every_kind_of_line_is_translated_and_all_else_stays(translate, tmp_path, ready):
    report = translate("--ready", ready(TURKISH))

    shared = {"language": "tr", "dataset": "d", "split": "train"}
    turns = [{"role": "user", "content": "selam"}, {"role": "assistant", "content": "günler"}]
    assert read_lines(tmp_path / "turkish.jsonl") == [
        {
            **shared,
            "prompt": "selam",
            "chosen": "sağ ol",
            "rejected": "defol",
            "split": "test",
        },
        {**shared, "prompt": "", "completion": "sağ ol", "label": True, "system": "someone"},
        {**shared, "prompt": turns, "completion": "defol", "split": "validation"},
        {**shared, "prompt": "günler"},
    ]
    assert (report["lines"], report["written"], report["dropped"]) == (4, 4, {})
    assert report["rounds"][0]["texts"] == 4


def test_the_data_set_can_be_renamed(translate, tmp_path, ready):
    translate("--ready", ready(TURKISH), "--dataset", "d in Turkish")

    assert {line["dataset"] for line in read_lines(tmp_path / "turkish.jsonl")} == {"d in Turkish"}


def test_lines_whose_translation_is_missing_are_dropped_and_counted(translate, tmp_path, ready):
    report = translate("--ready", ready(without("go away")))

    assert report["dropped"] == {"missing": 2}
    assert [line["prompt"] for line in read_lines(tmp_path / "turkish.jsonl")] == ["", "günler"]


def test_a_pair_whose_sides_become_equal_is_dropped_and_counted(translate, tmp_path, ready):
    report = translate("--ready", ready(TURKISH | {"go away": "sağ ol "}))

    assert report["dropped"] == {"equal_sides": 1}
    assert not any("chosen" in line for line in read_lines(tmp_path / "turkish.jsonl"))


@pytest.mark.parametrize(
    ("made", "reason"), [(" ", "empty"), ("a\0", "unstorable"), ("\ud800", "unstorable")]
)
def test_a_translation_that_nobody_can_use_is_counted_by_its_reason(translate, ready, made, reason):
    assert translate("--ready", ready(TURKISH | {"good day": made}))["dropped"] == {reason: 2}


def test_a_text_that_comes_back_as_it_was_is_counted(translate, ready):
    assert translate("--ready", ready(TURKISH | {"hello": "hello"}))["unchanged"] == 1


def test_there_and_back_again_the_data_keep_their_language(translate, tmp_path, ready):
    returned = [
        {"text": made, "translation": text, "from": "tr", "to": "en"} for text, made in TURKISH.items()
    ]
    returned[0]["translation"] = "hi"

    report = translate("--ready", ready(TURKISH, *returned), "--back")

    lines = read_lines(tmp_path / "turkish.jsonl")
    assert [line["language"] for line in lines] == ["en"] * 4
    assert (lines[0]["prompt"], lines[0]["chosen"]) == ("hi", LINES[0]["chosen"])
    assert [(each["from"], each["to"]) for each in report["rounds"]] == [("en", "tr"), ("tr", "en")]
    assert report["unchanged"] == 3


def test_the_report_is_json(translate, ready):
    report = translate("--ready", ready(without("go away")))

    assert json.loads(json.dumps(report)) == report


def test_two_translations_of_one_text_are_refused(translate, ready):
    with pytest.raises(AlignmentError, match="two translations"):
        translate("--ready", ready(TURKISH, {"text": "hello", "translation": "alo"}))


def test_a_file_for_another_direction_is_refused(translate, ready):
    with pytest.raises(AlignmentError, match="no translations en → tr"):
        translate("--ready", ready({}, {"text": "a", "translation": "b", "to": "de"}))


def test_a_broken_line_is_named(translate, ready):
    with pytest.raises(AlignmentError, match='line 5: A ready translation needs "translation"'):
        translate("--ready", ready(TURKISH, {"text": "a"}))


def test_a_line_in_another_language_is_refused(translate, data, ready):
    write_lines(data, [{"prompt": "hello", "language": "en"}, {"prompt": "hallo", "language": "de"}])

    with pytest.raises(AlignmentError, match="a line in 'de'"):
        translate("--ready", ready(TURKISH))


def test_nothing_translated_at_all_is_an_error_that_says_why(translate, ready, tmp_path):
    with pytest.raises(AlignmentError, match=r"No line .* \(missing 4\)"):
        translate("--ready", ready({"x": "y"}))
    assert not (tmp_path / "turkish.jsonl").exists()


def test_the_same_language_twice_is_refused(translate, ready):
    with pytest.raises(AlignmentError, match="same language"):
        translate("--ready", ready(TURKISH), "--to", "en")
