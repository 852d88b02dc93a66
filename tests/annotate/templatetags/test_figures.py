from datetime import timedelta

import pytest

from annotate.templatetags.figures import difference, duration, heat, hours, metric, percent, until


def test_a_share_is_written_in_per_cent():
    assert percent(0.6834) == "68.3\N{NO-BREAK SPACE}%"


def test_a_difference_has_its_sign():
    assert (difference(0.167), difference(-0.031)) == ("+16.7", "\N{MINUS SIGN}3.1")


@pytest.mark.parametrize(
    ("share", "step"),
    [(0, "n5"), (0.25, "n5"), (0.47, "n1"), (0.49, "0"), (0.5, "0"), (0.53, "p1"), (0.6, "p2"), (1, "p5")],
)
def test_the_colour_of_a_share_goes_in_steps_from_one_half(share, step):
    assert heat(share) == step


@pytest.mark.parametrize(
    ("seconds", "words"), [(41, "41 s"), (242, "4 min 2 s"), (7500, "2 h 5 min"), (0.4, "0 s")]
)
def test_a_duration_has_two_units_at_most(now, seconds, words):
    assert until(now, now + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "less than a minute"), (242, "4 min"), (7200, "2 h"), (7500, "2 h 5 min"), (260_000, "3 days")],
)
def test_a_time_to_come_is_written_roughly(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0"), (0.0412, "0.041"), (3.21, "3.2"), (128.4, "128")])
def test_hours_have_as_many_digits_as_tell_something(count, words):
    assert hours(count) == words


def test_what_has_not_ended_has_no_duration(now):
    assert until(now, None) == ""


def test_a_small_metric_keeps_its_digits():
    assert [metric(value) for value in (0.41233, 92.31, 0.0000123)] == ["0.4123", "92.31", "1.23e-05"]
