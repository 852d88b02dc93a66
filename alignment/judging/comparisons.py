"""What a machine judges: a prompt with its first and second response."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from alignment.digests import text_digest
from alignment.errors import AlignmentError
from alignment.jsonl import read_records
from alignment.languages import language_named
from alignment.records import Json, Prompt, read_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """id: what the verdict is found by, as the line gave it; a digest of the texts where it gave none."""

    id: str | int
    prompt: Prompt
    first: str
    second: str

    @classmethod
    def from_json(cls, line: Json) -> Self:
        """Raises AlignmentError when a field is missing, of the wrong type, or the language unknown."""
        prompt = Prompt.from_json(line)
        language_named(prompt.language)
        first, second = read_text(line, "first"), read_text(line, "second")
        return cls(id=_id(line, prompt, first, second), prompt=prompt, first=first, second=second)


def read_comparisons(path: Path) -> list[Comparison]:
    """Raises AlignmentError for a broken line, an id that comes twice, or nothing at all."""
    comparisons = read_records(path, Comparison.from_json)
    if not comparisons:
        raise AlignmentError(f"There are no comparisons in {path}.")
    _check_ids(comparisons)
    return comparisons


def _check_ids(comparisons: Sequence[Comparison]) -> None:
    seen: set[str | int] = set()
    for comparison in comparisons:
        if comparison.id in seen:
            raise AlignmentError(f"Two comparisons have the id {comparison.id!r}; give each one of its own.")
        seen.add(comparison.id)


def _id(line: Json, prompt: Prompt, first: str, second: str) -> str | int:
    value = line.get("id")
    if value is None:
        return text_digest(prompt.key, first, second)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise AlignmentError('"id" must be a text or a whole number.')
    return read_text(line, "id")
