"""Demonstrations for policies, read from files."""

from collections.abc import Iterable
from pathlib import Path

from alignment.digests import text_digest
from alignment.jsonl import json_line, read_records
from alignment.records import Demonstration


def read_demonstrations(paths: Iterable[Path]) -> list[Demonstration]:
    """All lines of the files, in order. Raises AlignmentError that names the first broken line."""
    return [one for path in paths for one in read_records(path, Demonstration.from_json)]


def demonstrations_digest(demonstrations: Iterable[Demonstration]) -> str:
    """Names the data by its lines and their order."""
    return text_digest(*map(json_line, demonstrations))
