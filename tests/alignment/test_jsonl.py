"""Strict reading of whole files, for data that must be right."""

import pytest

from alignment.errors import AlignmentError
from alignment.jsonl import read_records, write_records
from alignment.records import Prompt

PROMPTS = [Prompt(text=text, language="es", dataset="d") for text in ("Olá", "a\u2028b\r\nc", "\ufeff")]


def test_records_survive_being_written_and_read(tmp_path):
    write_records(tmp_path / "prompts.jsonl", PROMPTS)

    assert read_records(tmp_path / "prompts.jsonl", Prompt.from_json) == PROMPTS
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]


def test_a_byte_order_mark_is_no_matter(tmp_path):
    path = tmp_path / "prompts.jsonl"
    write_records(path, PROMPTS)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert read_records(path, Prompt.from_json) == PROMPTS


def test_the_first_broken_line_is_named(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"language": "es"}\n\n{"language": ""}\n{')

    with pytest.raises(AlignmentError, match=r"prompts.jsonl, line 3: .*language"):
        read_records(path, Prompt.from_json)


@pytest.mark.parametrize("content", [None, b"\xff\xfe{"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "prompts.jsonl"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AlignmentError, match=r"prompts.jsonl could not be read"):
        read_records(path, Prompt.from_json)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "prompts.jsonl"
    write_records(path, PROMPTS)

    def failing():
        yield PROMPTS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_records(path, failing())

    assert read_records(path, Prompt.from_json) == PROMPTS
