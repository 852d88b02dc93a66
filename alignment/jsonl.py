"""JSON Lines files of records: read strictly or line by line, written whole or not at all."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from alignment.errors import AlignmentError
from alignment.records import Json


class BrokenLine(NamedTuple):
    """A line that was left out of an import, counted from 1, and why."""

    number: int
    reason: str


Record = TypeVar("Record")


def parse_lines(
    lines: Iterable[str], parse: Callable[[Json], Record]
) -> Iterator[tuple[int, Record | BrokenLine]]:
    """Yield the number from 1 and the record of each line, or why it is broken; that stops nothing."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, parse(read_object(line))
        except AlignmentError as error:
            yield number, BrokenLine(number, str(error))


def read_records(path: Path, parse: Callable[[Json], Record]) -> list[Record]:
    """Read a whole JSON Lines file. Raises AlignmentError that names the first broken line."""
    records = []
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for _, record in parse_lines(lines, parse):
                if isinstance(record, BrokenLine):
                    raise AlignmentError(f"{path}, line {record.number}: {record.reason}")
                records.append(record)
    except (OSError, UnicodeDecodeError) as error:
        raise AlignmentError(f"{path} could not be read as UTF-8 text: {error}.") from error
    return records


def write_records(path: Path, records: Iterable[Any]) -> None:
    """Write records as JSON Lines: to a temporary file beside `path`, then renamed."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json_line(record))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def json_line(record: Any) -> str:
    """One record as one line of JSON."""
    return json.dumps(record.as_json(), ensure_ascii=False) + "\n"


def read_object(line: str) -> Json:
    """Raises AlignmentError for what is not one JSON object."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise AlignmentError(f"This is not JSON: {error.msg} at column {error.colno}.") from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a thousand nested lists
        raise AlignmentError("This JSON holds a number too long or lists too deep to be read.") from error
    if not isinstance(value, dict):
        raise AlignmentError("A line must be one JSON object, in braces.")
    return value
