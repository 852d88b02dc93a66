from types import SimpleNamespace

import pytest

from alignment.statistics.win_rate import BothBad
from annotate.services.answers import win_rate_answer
from annotate.services.results import Cell, Matrix

PREFERRED, REFUSED, UNSURE = (0.55, 0.8), (0.1, 0.4), (0.3, 0.5)


def matrix(*intervals: tuple[float, float] | None) -> Matrix:
    cells = {
        ("en", str(number)): Cell(
            "en", str(number), 10, 10, interval and SimpleNamespace(low=interval[0], high=interval[1])
        )
        for number, interval in enumerate(intervals)
    }
    return Matrix([], [], cells, BothBad.TIE)


@pytest.mark.parametrize(
    ("intervals", "answer"),
    [
        ([None, None], "Nobody has judged yet."),
        ([PREFERRED], "The aligned response is preferred, beyond chance, in 1 of 1 cell."),
        (
            [PREFERRED, UNSURE, UNSURE, REFUSED],
            "The aligned response is preferred, beyond chance, in 1 of 4 cells; "
            "in 2 the interval contains 50 %; in 1 the unaligned response is preferred.",
        ),
        (
            [UNSURE, None],
            "The aligned response is preferred, beyond chance, in 0 of 2 cells; "
            "in 1 the interval contains 50 %; 1 is not judged yet.",
        ),
    ],
)
def test_the_answer_counts_the_cells(intervals, answer):
    assert win_rate_answer(matrix(*intervals)) == answer
