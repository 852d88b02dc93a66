"""Left and right are what a person saw, first and second are the pair; the conversion is here alone."""

from enum import StrEnum
from typing import NamedTuple, TypeVar

Shown = TypeVar("Shown")


class Verdict(StrEnum):
    """An annotator's answer, in terms of what they saw."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both_bad"


class Points(NamedTuple):
    """Half-points to the first response (2, 1, 0), and whether the tie was "both bad"."""

    points: int
    both_bad: bool


def points_of(verdict: Verdict, *, swapped: bool) -> Points:
    """What a verdict means for the pair; swapped: the second response stood on the left."""
    if verdict in (Verdict.TIE, Verdict.BOTH_BAD):
        return Points(1, verdict == Verdict.BOTH_BAD)
    return Points(2 if (verdict == Verdict.LEFT) != swapped else 0, both_bad=False)


def verdict_of(points: Points, *, swapped: bool) -> Verdict:
    """What somebody answered, undoing `points_of`."""
    return next(verdict for verdict in Verdict if points_of(verdict, swapped=swapped) == points)


def left_and_right(first: Shown, second: Shown, *, swapped: bool) -> tuple[Shown, Shown]:
    """The pair in the order in which it is shown."""
    return (second, first) if swapped else (first, second)
