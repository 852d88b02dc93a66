"""What a format is: how one line of somebody else's file becomes a record."""

from collections.abc import Callable
from dataclasses import dataclass

from alignment.errors import AlignmentError
from alignment.records import Json, Preference, Prompt, Rating, SystemResponse

Record = Prompt | SystemResponse | Preference | Rating
Parse = Callable[[int, Json], Record]
"""Takes the line's number, from 1, and the line. Raises AlignmentError that says what is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What lines of a file mean that do not say so themselves; "" where that must not be."""

    language: str = ""
    dataset: str = ""
    split: str = "train"

    def fill(self, line: Json) -> Json:
        """The line with all three. Raises AlignmentError where language or data set remain unknown."""
        filled = {
            **line,
            "language": line.get("language") or self.language,
            "dataset": line.get("dataset") or self.dataset,
            "split": line.get("split") or self.split,
        }
        for name, what in (("language", "language"), ("dataset", "data set")):
            if not filled[name]:
                raise AlignmentError(
                    f'This line has no "{name}", and no {what} was given for the whole file.'
                )
        return filled


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file.

    dataset, licence: of a published set; "" where each file has its own.
    start: begins a file. What it returns is called with the lines of that file, in order.
    """

    key: str
    name: str
    start: Callable[[Defaults], Parse]
    dataset: str = ""
    licence: str = ""
