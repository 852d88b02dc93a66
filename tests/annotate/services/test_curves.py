"""Curves: how they grow, go back and thin out, and which of their points a page is sent."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.models import Curve
from annotate.services.curves import Curves, Point, points_since, thinned
from tests.annotate.factories import AttemptFactory, RunFactory


def points(*steps: int) -> list[Point]:
    return [Point(step, float(step)) for step in steps]


def grown(run, *reports: tuple[int, dict[str, float]]) -> None:
    """Let one attempt report."""
    curves = Curves(run)
    for done, metrics in reports:
        curves.add(done, metrics)
    curves.store()
    curves.settle()


def stored(run) -> dict[str, list[tuple[int, float]]]:
    return {row.name: list(zip(row.steps, row.values, strict=True)) for row in run.curves.all()}


def test_a_short_curve_keeps_every_point():
    assert thinned(points(1, 5, 6), limit=3) == points(1, 5, 6)


def test_the_point_that_stands_closest_to_its_neighbours_goes_first():
    assert thinned(points(0, 10, 11, 12, 20, 30), limit=5) == points(0, 10, 12, 20, 30)


def test_a_curve_thinned_as_it_grows_stays_even():
    kept: list[Point] = []
    for step in range(10_000):
        kept = thinned([*kept, Point(step, 0.0)], limit=100)

    gaps = [after.step - before.step for before, after in pairwise(kept[:-1])]
    assert len(kept) == 100
    assert max(gaps) < 2.5 * min(gaps)


@given(st.sets(st.integers(0, 10_000), min_size=3), st.integers(3, 20))
def test_thinning_keeps_the_first_the_newest_and_no_more_than_the_limit(steps, limit):
    whole = points(*sorted(steps))

    kept = thinned(whole, limit)

    assert (kept[0], kept[-1]) == (whole[0], whole[-1])
    assert len(kept) == min(limit, len(whole))
    assert kept == sorted(kept)


@pytest.mark.django_db
def test_each_metric_is_a_curve_over_the_units_done():
    run = RunFactory()

    grown(run, (1, {"loss": 0.5}), (2, {"loss": 0.25, "accuracy": 0.75}))

    assert stored(run) == {"accuracy": [(2, 0.75)], "loss": [(1, 0.5), (2, 0.25)]}


@pytest.mark.django_db
def test_two_reports_of_one_step_are_one_point():
    run = RunFactory()

    grown(run, (1, {"loss": 0.5}), (1, {"validation_loss": 0.6}), (1, {"loss": 0.4}))

    assert stored(run) == {"loss": [(1, 0.4)], "validation_loss": [(1, 0.6)]}


@pytest.mark.django_db
def test_what_is_no_number_leaves_a_gap():
    run = RunFactory()

    grown(run, (1, {"loss": 0.5}), (2, {"loss": float("nan")}), (3, {"loss": float("inf")}))

    assert stored(run) == {"loss": [(1, 0.5)]}


@pytest.mark.django_db
def test_an_attempt_that_goes_back_replaces_what_came_after():
    run = RunFactory()
    grown(run, *[(step, {"loss": 1.0}) for step in (1, 2, 3, 4)], (4, {"validation_loss": 1.0}))

    grown(run, (3, {"loss": 2.0}))

    assert stored(run) == {"loss": [(1, 1.0), (2, 1.0), (3, 2.0)], "validation_loss": []}


@pytest.mark.django_db
def test_an_attempt_that_goes_on_appends():
    run = RunFactory()
    grown(run, (1, {"loss": 1.0}))

    grown(run, (2, {"loss": 2.0}))

    assert stored(run) == {"loss": [(1, 1.0), (2, 2.0)]}


@pytest.mark.django_db
def test_a_long_curve_is_stored_thinned(django_assert_num_queries):
    run = RunFactory()
    curves = Curves(run)
    for step in range(5_000):
        curves.add(step, {"loss": 1 / (step + 1), "rate": 0.1})

    with django_assert_num_queries(1):
        curves.store()

    loss = run.curves.get(name="loss")
    assert len(loss.steps) == len(loss.values) == Curve.MAX_POINTS
    assert (loss.steps[0], loss.steps[-1]) == (0, 4_999)


@pytest.mark.django_db
def test_nothing_new_is_not_written(django_assert_num_queries):
    curves = Curves(RunFactory())
    curves.add(1, {"loss": 0.5})
    curves.store()
    curves.settle()

    with django_assert_num_queries(0):
        curves.add(2, {})
        curves.store()


@pytest.mark.django_db
def test_a_page_is_sent_its_newest_step_again_and_what_came_since():
    run = RunFactory(attempt=1, unit="steps")
    grown(run, *[(step, {"loss": step / 10}) for step in (1, 2, 3)])

    answer = points_since(run, since=2, attempt=1)

    (curve,) = answer["curves"]
    assert (answer["whole"], answer["unit"], answer["attempt"]) == (False, "steps", 1)
    assert (curve["name"], curve["steps"], curve["values"]) == ("loss", [2, 3], [0.2, 0.3])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("since", "attempt"),
    [(-1, 2), (3, 1), (50, 2), (2, 2)],
    ids=["it has none", "of another attempt", "beyond the newest", "where the run may be redone"],
)
def test_a_page_that_may_hold_replaced_points_is_sent_all_of_them(since, attempt):
    run = RunFactory(attempt=2)
    AttemptFactory(run=run, number=2, done_before=2)
    grown(run, *[(step, {"loss": 1.0}) for step in (1, 2, 3)])

    answer = points_since(run, since=since, attempt=attempt)

    assert answer["whole"]
    assert answer["curves"][0]["steps"] == [1, 2, 3]
