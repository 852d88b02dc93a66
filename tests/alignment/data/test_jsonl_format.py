"""The project's own format: each line says by its fields what it is."""

import json
from pathlib import Path

import pytest

from alignment.data.formats.format import Defaults
from alignment.data.formats.jsonl import start
from alignment.errors import AlignmentError
from alignment.records import Message, Preference, Prompt, Rating, SystemResponse

SAID = {"prompt": "Why?", "language": "en", "dataset": "d", "split": "test"}
DOCUMENT = Path(__file__).parents[3] / "docs" / "data-format.md"
PROMPT = Prompt(text="Why?", language="en", dataset="d", split="test")


def read(line, **defaults):
    return start(Defaults(**defaults))(1, line)


def test_a_prompt_alone_is_a_prompt():
    assert read(SAID) == PROMPT


def test_a_completion_with_a_system_is_its_response():
    line = {**SAID, "completion": "So.", "system": "gpt"}

    assert read(line) == SystemResponse(prompt=PROMPT, response="So.", system="gpt")


def test_a_completion_with_a_label_is_a_rating():
    line = {**SAID, "completion": "So.", "label": False}

    assert read(line) == Rating(prompt=PROMPT, response="So.", good=False)


def test_a_rating_keeps_the_system_that_wrote_the_response():
    line = {**SAID, "completion": "So.", "label": True, "system": "gpt"}

    assert read(line) == Rating(prompt=PROMPT, response="So.", good=True, system="gpt")


def test_chosen_and_rejected_are_a_preference():
    line = {**SAID, "chosen": "So.", "rejected": "No."}

    assert read(line) == Preference(prompt=PROMPT, chosen="So.", rejected="No.")


def test_a_conversation_as_trl_writes_it_is_read():
    def turn(role, content):
        return {"role": role, "content": content}

    line = {
        **SAID,
        "prompt": [turn("user", "Why?")],
        "chosen": [turn("assistant", "So.")],
        "rejected": [turn("assistant", "No.")],
    }
    prompt = Prompt(text=(Message(role="user", content="Why?"),), language="en", dataset="d", split="test")

    assert read(line) == Preference(prompt=prompt, chosen="So.", rejected="No.")


def test_fields_that_are_null_count_as_absent():
    line = {**SAID, "completion": "So.", "label": True, "chosen": None, "rejected": None, "system": None}

    assert read(line) == Rating(prompt=PROMPT, response="So.", good=True)


def test_unknown_fields_are_ignored():
    assert read({**SAID, "id": 7, "meta": {"a": []}}) == PROMPT


def test_what_is_given_for_the_file_fills_in_for_lines_that_say_nothing():
    filled = read({"prompt": "Why?"}, language="en", dataset="d", split="test")

    assert filled == PROMPT


def test_what_a_line_says_comes_before_what_is_given_for_the_file():
    assert read(SAID, language="de", dataset="other", split="train") == PROMPT


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ({"language": "en", "dataset": "d"}, "prompt"),
        ({**SAID, "prompt": " "}, "prompt"),
        ({**SAID, "prompt": 7}, "prompt"),
        ({**SAID, "prompt": []}, "prompt"),
        ({**SAID, "prompt": [{"role": "king", "content": "c"}]}, "role"),
        ({**SAID, "chosen": "So."}, "rejected"),
        ({**SAID, "rejected": "So."}, "chosen"),
        ({**SAID, "chosen": "So.", "rejected": "So."}, "same"),
        ({**SAID, "completion": "So."}, "label"),
        ({**SAID, "completion": "So.", "label": "good"}, "label"),
        ({**SAID, "completion": " ", "label": True}, "completion"),
        ({**SAID, "label": True}, "completion"),
        ({**SAID, "split": "dev"}, "split"),
        ({**SAID, "split": ["test"]}, "split"),
        ({**SAID, "language": ["en"]}, "language"),
        ({"prompt": "Why?", "dataset": "d"}, "language"),
        ({"prompt": "Why?", "language": "en"}, "data set"),
    ],
)
def test_a_line_that_fits_nothing_says_what_it_lacks(line, word):
    with pytest.raises(AlignmentError, match=word):
        read(line)


def test_the_lines_in_the_documentation_are_of_the_kinds_it_says():
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = text.split("```json\n")[1].split("```")[0].splitlines()

    kinds = [type(read(json.loads(line))) for line in lines]

    assert kinds == [Prompt, SystemResponse, Preference, Rating]
