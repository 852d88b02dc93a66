from pathlib import Path

from alignment.journal import Journal
from alignment.records import Prompt

FIRST, SECOND = Prompt(text="Guten Tag, schöne Welt", language="de"), Prompt(text="Hola", language="es")


def journal(output: Path, *identity: str) -> Journal[Prompt]:
    return Journal(output, *identity, parse=Prompt.from_json)


def test_records_outlive_the_process(tmp_path):
    journal(tmp_path / "out.jsonl", "work").append(FIRST)

    assert journal(tmp_path / "out.jsonl", "work").records == [FIRST]


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path):
    journal(tmp_path / "out.jsonl", "work").append(FIRST)
    (partial,) = tmp_path.iterdir()
    torn = partial.read_bytes() + partial.read_bytes()[: partial.read_bytes().index("ö".encode()) + 1]
    partial.write_bytes(torn)

    again = journal(tmp_path / "out.jsonl", "work")
    again.append(SECOND)

    assert journal(tmp_path / "out.jsonl", "work").records == [FIRST, SECOND]


def test_other_work_on_the_same_output_starts_empty(tmp_path):
    journal(tmp_path / "out.jsonl", "seed 1").append(FIRST)

    assert journal(tmp_path / "out.jsonl", "seed 2").records == []


def test_what_is_published_is_the_output_and_nothing_else_stays(tmp_path):
    work = journal(tmp_path / "out.jsonl", "work")
    work.append(FIRST)
    work.append(SECOND)

    assert not (tmp_path / "out.jsonl").exists()
    work.publish(reversed(work.records))

    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").startswith('{"prompt": "Hola"')


def test_a_journal_that_is_left_stays_only_if_something_is_in_it(tmp_path):
    journal(tmp_path / "empty.jsonl", "work").leave()
    begun = journal(tmp_path / "begun.jsonl", "work")
    begun.append(FIRST)
    begun.leave()

    assert [path.name.split(".")[0] for path in tmp_path.iterdir()] == ["begun"]
