"""Files that grow record by record beside an output, so that work cut short goes on where it stood."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

from alignment.digests import text_digest
from alignment.jsonl import BrokenLine, json_line, parse_lines, write_records
from alignment.records import Json

Record = TypeVar("Record")


class Journal(Generic[Record]):
    """The finished records of one piece of work on `output`.

    The journal's file name carries the work's identity, so that what other arguments left behind is
    never mixed in.
    """

    def __init__(self, output: Path, *identity: str, parse: Callable[[Json], Record]) -> None:
        """identity: everything that decides what is in the output, as texts or digests."""
        self._output = output
        self._path = output.with_name(f"{output.name}.{text_digest(*identity)[:16]}.partial")
        output.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        self.records = self._whole_records(parse)

    def append(self, record: Record) -> None:
        """Keep a finished record, whatever happens next to this process."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json_line(record))
        self.records.append(record)

    def publish(self, records: Iterable[Any]) -> None:
        """Write the output as a whole, in the order given, and end the journal."""
        write_records(self._output, records)
        self._path.unlink()

    def leave(self) -> None:
        """End without an output: what was kept stays for the next time, an empty journal does not."""
        if not self.records:
            self._path.unlink()

    def _whole_records(self, parse: Callable[[Json], Record]) -> list[Record]:
        """Drop a last line that was torn while it was written; read the others."""
        whole, newline, _ = self._path.read_bytes().rpartition(b"\n")
        with self._path.open("r+b") as file:
            file.truncate(len(whole) + len(newline))
        lines = whole.decode().split("\n")
        return [record for _, record in parse_lines(lines, parse) if not isinstance(record, BrokenLine)]
