import pytest

from annotate.sides import Points, Verdict, left_and_right, points_of, verdict_of


@pytest.mark.parametrize(
    ("verdict", "swapped", "points"),
    [
        (Verdict.LEFT, False, Points(2, False)),
        (Verdict.RIGHT, False, Points(0, False)),
        (Verdict.LEFT, True, Points(0, False)),
        (Verdict.RIGHT, True, Points(2, False)),
        (Verdict.TIE, True, Points(1, False)),
        (Verdict.BOTH_BAD, False, Points(1, True)),
    ],
)
def test_what_a_verdict_means_for_the_pair(verdict, swapped, points):
    assert points_of(verdict, swapped=swapped) == points


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("swapped", [True, False])
def test_a_verdict_can_be_read_back(verdict, swapped):
    assert verdict_of(points_of(verdict, swapped=swapped), swapped=swapped) == verdict


@pytest.mark.parametrize("swapped", [True, False])
def test_the_better_side_is_the_one_that_gets_the_points(swapped):
    left, _ = left_and_right("first", "second", swapped=swapped)

    assert (points_of(Verdict.LEFT, swapped=swapped).points == 2) == (left == "first")
