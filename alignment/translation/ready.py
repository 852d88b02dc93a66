"""A file of ready translations as a translator: whatever made them, people or a program of another kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from alignment.digests import file_digest
from alignment.errors import AlignmentError
from alignment.jsonl import read_records
from alignment.records import Json
from alignment.translation.translator import Answer, Direction, Problem, checked


class _Entry(NamedTuple):
    direction: Direction
    text: str
    translation: str


class ReadyTranslations:
    """Knows whole texts, by their exact words; a text that is not in the file has no translation."""

    batch_size = 1000
    by_lines = False

    def __init__(self, path: Path, default: Direction) -> None:
        """default: of lines that do not say "from" and "to". Raises AlignmentError where one text has two."""
        self._translations: dict[tuple[Direction, str], str] = {}
        for entry in read_records(path, lambda line: _parse(line, default)):
            key = (entry.direction, entry.text)
            if self._translations.setdefault(key, entry.translation) != entry.translation:
                raise AlignmentError(
                    f"{path} has two translations ({entry.direction}) of {entry.text[:60]!r}; keep one."
                )
        self._path = path
        self.identity = f"ready {file_digest(path)}"

    def check(self, direction: Direction) -> None:
        if all(known != direction for known, _ in self._translations):
            raise AlignmentError(f"{self._path} has no translations {direction}; name a file that has some.")

    def length(self, piece: str, direction: Direction) -> int:
        return len(piece)

    def fits(self, piece: str, direction: Direction) -> bool:
        return True

    def translate(self, pieces: Sequence[str], direction: Direction) -> list[Answer]:
        return [self._answer(piece, direction) for piece in pieces]

    def _answer(self, piece: str, direction: Direction) -> Answer:
        translation = self._translations.get((direction, piece))
        return Answer(problem=Problem.MISSING) if translation is None else checked(translation)


def _parse(line: Json, default: Direction) -> _Entry:
    values = {"from": default.source, "to": default.target, **line}
    for name in ("from", "to", "text", "translation"):
        if not isinstance(values.get(name), str):
            raise AlignmentError(f'A ready translation needs "{name}" as a text.')
    direction = Direction(values["from"], values["to"])
    return _Entry(direction, values["text"].strip(), values["translation"])
