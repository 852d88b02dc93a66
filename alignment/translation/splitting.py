"""Texts in pieces that a translator can take: line by line, at the ends of sentences, never cut silently."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

Fits = Callable[[str], bool]

# Where a piece may end, the best places first; a boundary is the end of a match.
LINES = re.compile(r"\n\s*")
SENTENCES = re.compile(r"[.!?…؟۔।॥။។։]+[\"'”’»)\]]*\s+|[。！？]+[」』”’）]*\s*")
CLAUSES = re.compile(r"[,;:،؛—–]\s+|[，、；：]\s*")
WORDS = re.compile(r"\s+")
BOUNDARIES = (LINES, SENTENCES, CLAUSES, WORDS)


class Split(NamedTuple):
    """A text as pieces to translate.

    gaps: the white space before, between and after the pieces: one more than there are pieces.
    within_sentence: at least one piece ends where no sentence does, because that one alone is too long.
    """

    pieces: tuple[str, ...]
    gaps: tuple[str, ...]
    within_sentence: bool

    def joined(self, translations: Sequence[str], *, spaced: bool) -> str:
        """The translations with the line breaks of the text between them.

        spaced: the language of the translations sets words apart by spaces.
        """
        ends = zip(self.pieces[:-1], self.gaps[1:-1], strict=True)
        after = [*(_written(piece, gap, spaced=spaced) for piece, gap in ends), *self.gaps[1:][-1:]]
        return self.gaps[0] + "".join(text + gap for text, gap in zip(translations, after, strict=True))


def split(text: str, fits: Fits, *, by_lines: bool) -> Split:
    """Cut where needed, into as few pieces as fit. A text without anything but white space has none.

    by_lines: each line is a piece of its own even where more would fit, for translators that lose the breaks.
    """
    cuts = _cut(text, LINES) if by_lines else [text]
    found = [one for cut in cuts for one in _fitting(cut, fits, level=0)]
    parts = _without_blanks([part for part, _ in found])
    cores = [part.strip() for part in parts]
    ends = [part[len(part.rstrip()) :] for part in parts]
    starts = [part[: len(part) - len(part.lstrip())] for part in parts]
    if not parts:
        return Split((), (text,), False)
    gaps = [starts[0], *(end + start for end, start in zip(ends, [*starts[1:], ""], strict=True))]
    return Split(tuple(cores), tuple(gaps), any(within for _, within in found))


def _fitting(text: str, fits: Fits, *, level: int) -> list[tuple[str, bool]]:
    """Parts that fit, in order, with whether each was cut out of a sentence; joined they are the text."""
    within = level > BOUNDARIES.index(CLAUSES)
    if fits(text.strip()) or len(text.strip()) < 2:
        return [(text, within)]
    if level == len(BOUNDARIES):
        middle = len(text) // 2
        return [one for half in (text[:middle], text[middle:]) for one in _fitting(half, fits, level=level)]
    packed = _packed(_cut(text, BOUNDARIES[level]), fits)
    return [one for part in packed for one in _fitting(part, fits, level=level + 1)]


def _packed(parts: Sequence[str], fits: Fits) -> list[str]:
    """Neighbours joined as long as they fit together."""
    packed: list[str] = []
    for part in parts:
        if packed and fits((packed[-1] + part).strip()):
            packed[-1] += part
        else:
            packed.append(part)
    return packed


def _cut(text: str, boundary: re.Pattern[str]) -> list[str]:
    ends = [match.end() for match in boundary.finditer(text)]
    cuts = [0, *(end for end in ends if end < len(text)), len(text)]
    return [text[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]


def _without_blanks(parts: Sequence[str]) -> list[str]:
    """White space that stands alone goes to the part before it, or to the first one."""
    kept: list[str] = []
    opening = ""
    for part in parts:
        if part.strip():
            kept.append(opening + part)
            opening = ""
        elif kept:
            kept[-1] += part
        else:
            opening += part
    return kept


def _written(piece: str, gap: str, *, spaced: bool) -> str:
    """What follows a piece: line breaks stay; other gaps are what the language puts between sentences."""
    if "\n" in gap:
        return gap
    in_word = not gap and piece[-1].isalnum() and unicodedata.east_asian_width(piece[-1]) != "W"
    return " " if spaced and not in_word else ""
