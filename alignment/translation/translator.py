"""What a translator is, whoever does the work: a local model, a server, or a file of ready translations."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from alignment.records import Json


class Direction(NamedTuple):
    """BCP 47 tags of the languages translated from and into."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


class Problem(StrEnum):
    """Why there is no translation, or why a line was dropped.

    MISSING: the file of ready translations does not have it; UNFINISHED: it was not at its end where the
    limit came; EMPTY: nothing but white space came; UNSTORABLE: it holds characters that files do not;
    EQUAL_SIDES: the chosen and the rejected response have become the same text.
    """

    MISSING = "missing"
    UNFINISHED = "unfinished"
    EMPTY = "empty"
    UNSTORABLE = "unstorable"
    EQUAL_SIDES = "equal_sides"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A translation, or the problem that there is instead of one."""

    text: str = ""
    problem: Problem | None = None


def checked(text: str) -> Answer:
    """What a translator wrote, as an Answer: a problem where nobody could use or store it."""
    if not text.strip():
        return Answer(problem=Problem.EMPTY)
    try:
        text.encode()
    except UnicodeEncodeError:
        return Answer(problem=Problem.UNSTORABLE)
    return Answer(problem=Problem.UNSTORABLE) if "\0" in text else Answer(text=text)


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatedPiece:
    """A piece of a text with what the translator made of it, as the journal keeps it."""

    direction: Direction
    piece: str
    answer: Answer

    def as_json(self) -> Json:
        return {
            "from": self.direction.source,
            "to": self.direction.target,
            "text": self.piece,
            "translation": self.answer.text,
            "problem": self.answer.problem,
        }

    @classmethod
    def from_json(cls, line: Json) -> Self:
        problem = Problem(line["problem"]) if line["problem"] else None
        return cls(
            direction=Direction(line["from"], line["to"]),
            piece=line["text"],
            answer=Answer(text=line["translation"], problem=problem),
        )


class Translator(Protocol):
    """Translates pieces of texts, the same way each time.

    identity: everything that decides its translations. batch_size: how many pieces it takes at once.
    by_lines: it would lose line breaks, so it is given one line at a time.
    """

    identity: str
    batch_size: int
    by_lines: bool

    def check(self, direction: Direction) -> None:
        """Raises AlignmentError when it does not translate that way."""

    def length(self, piece: str, direction: Direction) -> int:
        """How long a piece is; those of like length are given together."""

    def fits(self, piece: str, direction: Direction) -> bool:
        """Whether it can take the piece whole."""

    def translate(self, pieces: Sequence[str], direction: Direction) -> list[Answer]:
        """One answer for each of at most `batch_size` pieces, in order."""
