import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import WITHOUT_SPREAD
from alignment.statistics.paired import CLUSTERED, MCNEMAR, beats, mid_p, tango
from tests.alignment.statistics.judgments import drawn

COUNTS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))


def answers(both, ours_only, theirs_only, neither):
    """Half-points of two ways to answer, from the four counts of a 2 x 2 table."""
    counts = [both, ours_only, theirs_only, neither]
    return np.repeat([2, 2, 0, 0], counts), np.repeat([2, 0, 2, 0], counts)


@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [((1, 1, 7, 12), -0.2857, -0.5172, -0.0260), ((59, 6, 16, 80), -0.0621, -0.1240, -0.0054)],
)
def test_tango_gives_the_intervals_of_fagerland_2014(table, difference, low, high):
    result = beats(*answers(*table))

    assert (result.difference, result.low, result.high) == pytest.approx((difference, low, high), abs=5e-5)
    assert result.method == MCNEMAR


def test_mid_p_gives_the_value_of_fagerland_2013():
    assert beats(*answers(1, 1, 7, 12)).p_value == pytest.approx(0.0391, abs=5e-5)


@pytest.mark.parametrize(
    ("gained", "lost", "p_value"), [(0, 0, 1), (1, 1, 0.75), (3, 0, 0.125), (0, 3, 0.125)]
)
def test_mid_p_by_hand(gained, lost, p_value):
    assert mid_p(gained, lost) == pytest.approx(p_value)


def test_mid_p_holds_for_many_examples():
    assert mid_p(50_300, 49_700) == pytest.approx(0.0578, abs=1e-3)  # z = 600 / sqrt(100000)


@given(COUNTS)
def test_swapping_the_two_mirrors_difference_and_interval(counts):
    gained, lost, rest = counts
    n = gained + lost + rest
    low, high = tango(gained, lost, n)

    assert tango(lost, gained, n) == pytest.approx((-high, -low), abs=1e-12)
    assert mid_p(gained, lost) == pytest.approx(mid_p(lost, gained))
    assert -1 <= low < (gained - lost) / n < high <= 1


def test_no_disagreement_leaves_room_for_a_small_difference():
    z2 = 1.959964**2

    assert tango(0, 0, 50) == pytest.approx((-z2 / (50 + z2), z2 / (50 + z2)), abs=1e-6)


@pytest.mark.parametrize(("gained", "lost"), [(10, 0), (0, 10)])
def test_total_disagreement_ends_at_the_end_of_the_scale(gained, lost):
    low, high = tango(gained, lost, 10)

    assert (high == 1) is (gained > 0)
    assert (low == -1) is (lost > 0)
    assert high - low < 0.7


def test_a_reward_model_that_is_clearly_better_is_certain_to_be():
    better, worse = answers(50, 30, 5, 15)

    assert beats(better, worse).is_certain
    assert not beats(worse, better).is_certain
    assert not beats(better, better).is_certain


def test_the_same_advantage_is_less_certain_at_a_higher_confidence():
    ours, theirs = answers(12, 8, 1, 0)

    assert beats(ours, theirs).is_certain
    assert not beats(ours, theirs, confidence=0.99).is_certain


def test_gains_and_losses_are_counted():
    result = beats([2, 2, 0, 1, 0], [2, 0, 2, 0, 0])

    assert (result.num_gained, result.num_lost, result.num_examples) == (2, 1, 5)
    assert result.difference == pytest.approx(0.1)


def test_several_examples_of_a_prompt_are_not_taken_for_independent():
    ours, theirs = answers(10, 12, 3, 5)

    alone, repeated = (
        beats(np.tile(ours, k), np.tile(theirs, k), np.tile(np.arange(30), k)) for k in (1, 20)
    )

    assert (alone.method, repeated.method) == (MCNEMAR, CLUSTERED)
    assert (repeated.num_prompts, repeated.num_examples) == (30, 600)
    assert repeated.p_value == pytest.approx(alone.p_value, abs=0.02)
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high), abs=0.05)


@given(drawn())
def test_the_clustered_test_agrees_with_its_interval(judgments):
    half_points, prompts = judgments
    prompts[0] = prompts[-1]

    result = beats(half_points, np.ones_like(half_points), prompts)

    assert -1 <= result.low <= result.difference + 1e-12 <= result.high + 2e-12 <= 1 + 2e-12
    if abs(result.p_value - 0.05) > 1e-9:
        assert (result.p_value < 0.05) is not (result.low <= 0 <= result.high)


def test_ties_on_every_example_have_no_spread():
    result = beats([1] * 20, [1] * 20)

    assert (result.difference, result.p_value) == (0, 1)
    assert result.low == -result.high < 0
    assert result.method == CLUSTERED + WITHOUT_SPREAD


def test_two_equally_good_ways_are_told_apart_in_one_case_of_twenty():
    random, repeats, prompts = np.random.default_rng(1), 1000, np.repeat(np.arange(40), 3)
    found = 0
    for _ in range(repeats):
        ours, theirs = (2 * (random.random(120) < random.random(40)[prompts]) for _ in range(2))
        found += beats(ours, theirs, prompts).p_value < 0.05

    assert found / repeats == pytest.approx(0.05, abs=0.021)  # three standard errors


def test_no_examples_give_no_answer():
    with pytest.raises(EmptyDataError):
        beats([], [])
