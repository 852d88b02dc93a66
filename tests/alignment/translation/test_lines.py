import pytest

from alignment.errors import AlignmentError
from alignment.records import Demonstration, Preference, Prompt, Rating, SystemResponse
from alignment.translation.lines import parse_line, texts_of


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"chosen": "a", "rejected": "b"}, Preference),
        ({"completion": "a", "label": False}, Rating),
        ({"completion": "a", "system": "s"}, SystemResponse),
        ({"completion": "a"}, Demonstration),
        ({}, Prompt),
    ],
)
def test_a_line_says_by_its_fields_what_it_is(fields, kind):
    assert type(parse_line({"prompt": "p", "language": "en", **fields})) is kind


def test_a_line_without_any_text_is_refused():
    with pytest.raises(AlignmentError, match="A line needs"):
        parse_line({"prompt": " ", "language": "en"})


def test_blank_texts_are_not_translated():
    line = parse_line({"prompt": "", "completion": "a", "label": True, "language": "en"})

    assert texts_of(line) == ["a"]
