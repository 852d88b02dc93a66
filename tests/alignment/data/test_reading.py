"""Lines of files from anywhere: whatever is wrong with one of them, the others are read."""

import gzip
import json
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment.data import reading
from alignment.data.formats import jsonl
from alignment.data.formats.format import Defaults, Record
from alignment.data.reading import read_lines
from alignment.jsonl import BrokenLine, json_line
from alignment.records import Message, Preference, Prompt, Rating, SystemResponse

GOOD = b'{"prompt": "Ol\xc3\xa1", "language": "pt", "dataset": "d"}'
OLA = Prompt(text="Olá", language="pt", dataset="d")


def read(content: bytes) -> list[Record | BrokenLine]:
    return [line.content for line in read_lines(BytesIO(content), jsonl.start(Defaults()))]


def reason(content: bytes) -> str:
    (line,) = read(content)
    assert isinstance(line, BrokenLine)
    return line.reason


def test_a_broken_line_stops_nothing_and_is_named_by_its_number():
    lines = list(read_lines(BytesIO(b"{\n" + GOOD), jsonl.start(Defaults())))

    assert [line.number for line in lines] == [1, 2]
    assert isinstance(lines[0].content, BrokenLine)
    assert lines[0].content.number == 1
    assert lines[1].content == OLA


def test_empty_lines_are_passed_over_but_counted():
    (line,) = read_lines(BytesIO(b"\n  \n" + GOOD), jsonl.start(Defaults()))

    assert line.number == 3


def test_an_empty_file_has_no_lines():
    assert read(b"") == []


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter():
    assert read(b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD + b"\r\n") == [OLA, OLA]


def test_a_compressed_file_is_recognised():
    assert read(gzip.compress(GOOD + b"\n" + GOOD)) == [OLA, OLA]


def test_a_compressed_file_that_breaks_off_keeps_what_came_before():
    lines = [json_line(Prompt(text=f"{number:x}", language="pt", dataset="d")) for number in range(50_000)]
    whole = gzip.compress("".join(lines).encode())

    read_so_far = read(whole[: len(whole) // 2])

    assert len(read_so_far) > 1000
    assert not any(isinstance(line, BrokenLine) for line in read_so_far[:-2])
    assert isinstance(read_so_far[-1], BrokenLine)
    assert "damaged" in read_so_far[-1].reason


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_called_by_its_name(encoding):
    assert "UTF-8" in reason(GOOD.decode().encode(encoding))


def test_a_line_that_is_too_long_is_left_out_without_being_held(monkeypatch):
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 100)

    lines = list(read_lines(BytesIO(b"x" * 1000 + b"\n" + GOOD), jsonl.start(Defaults())))

    assert [line.number for line in lines] == [1, 2]
    assert isinstance(lines[0].content, BrokenLine)
    assert "longer" in lines[0].content.reason
    assert lines[1].content == OLA


@pytest.mark.parametrize(
    "content", [b"[1]", b'"text"', b"null", b"{", b"\0" + GOOD, b"1" * 5000, b"[" * 100_000]
)
def test_what_is_no_json_object_is_broken(content):
    assert reason(content)


@pytest.mark.parametrize(
    ("text", "said"), [("a\0b", "NUL"), ("a\ud800b", "surrogate")], ids=["NUL", "lone surrogate"]
)
@pytest.mark.parametrize("field", ["prompt", "chosen", "language", "dataset", "system", "message"])
def test_characters_that_a_database_cannot_hold_are_refused(field, text, said):
    line = {"prompt": "p", "language": "pt", "dataset": "d"}
    more = {
        "chosen": {"chosen": text, "rejected": "r"},
        "system": {"completion": "c", "system": text},
        "message": {"prompt": [{"role": "user", "content": text}]},
    }

    assert said in reason(json.dumps({**line, **more.get(field, {field: text})}).encode())


on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
said = texts.filter(str.strip)
messages = st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts)
conversations = st.lists(messages, min_size=1).map(tuple)
splits = st.sampled_from(["train", "validation", "test"])


def prompts(text: st.SearchStrategy) -> st.SearchStrategy[Prompt]:
    return st.builds(Prompt, text=text, language=st.just("pt"), dataset=said, split=splits)


any_prompt = prompts(texts | conversations)
any_record = st.one_of(
    prompts(said | conversations),
    st.builds(SystemResponse, prompt=any_prompt, response=said, system=said),
    st.builds(Rating, prompt=any_prompt, response=said, good=st.booleans(), system=st.just("") | said),
    st.builds(Preference, prompt=any_prompt, chosen=said, rejected=said).filter(
        lambda pair: pair.chosen != pair.rejected
    ),
)


@on_a_busy_machine
@given(st.lists(any_record, max_size=5))
def test_any_record_survives_being_written_and_read(records):
    assert read("".join(map(json_line, records)).encode()) == records


@on_a_busy_machine
@given(st.binary())
def test_no_bytes_whatever_stop_the_reader(content):
    assert all(isinstance(line, BrokenLine) for line in read(content))
