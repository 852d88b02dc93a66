import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.statistics.accuracy import (
    LengthRule,
    accuracy,
    fit_length_rule,
    length_half_points,
    majority_half_points,
    pair_half_points,
    rating_half_points,
)
from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import WITHOUT_SPREAD, wilson
from tests.alignment.statistics.judgments import drawn, peer_variance, simulated

RATED = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30)


def test_every_example_counts_the_same():
    result = accuracy([2] * 9 + [0], [1] * 9 + [2])

    assert (result.estimate, result.num_prompts, result.num_examples) == (0.9, 2, 10)


def test_the_interval_is_clustered_by_prompt():
    half_points, prompts = simulated(0, size=400, num_prompts=50)

    clustered, plain = accuracy(half_points, prompts), accuracy(half_points)

    assert clustered.variance == pytest.approx(peer_variance(half_points / 2, prompts))
    assert clustered.low < plain.low < plain.high < clustered.high
    assert (clustered.num_prompts, plain.num_prompts) == (50, 400)


def test_examples_without_a_prompt_stand_for_themselves():
    low, high = wilson(81 / 263, 263)

    result = accuracy(np.repeat([2, 0], [81, 182]))

    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-3)


@given(drawn())
def test_answering_the_opposite_mirrors_the_accuracy(judgments):
    half_points, prompts = judgments
    right, wrong = accuracy(half_points, prompts), accuracy(2 - half_points, prompts)

    assert wrong[:3] == pytest.approx((1 - right.estimate, 1 - right.high, 1 - right.low))


def test_all_right_is_no_certainty():
    result = accuracy([2] * 20)

    assert (result.low, result.high) == wilson(1, 20)
    assert result.method.endswith(WITHOUT_SPREAD)


def test_no_examples_give_no_number():
    with pytest.raises(EmptyDataError):
        accuracy([])


def test_prompts_must_fit_the_examples():
    with pytest.raises(ValueError, match="same length"):
        accuracy([2, 0], [1])


def test_a_pair_is_right_when_the_chosen_response_has_the_higher_reward():
    assert pair_half_points([0.1, -3.0, 0.0]).tolist() == [2, 0, 1]


def test_a_rating_is_right_when_the_reward_is_on_its_side_of_the_threshold():
    rewards, labels = [1.5, 1.5, 0.5, 0.5, 1.0], [True, False, True, False, True]

    assert rating_half_points(rewards, labels, threshold=1.0).tolist() == [2, 0, 0, 2, 1]


@pytest.mark.parametrize(("share", "expected"), [(0.6, [2, 0]), (0.4, [0, 2]), (0.5, [1, 1])])
def test_the_majority_baseline_answers_what_most_training_labels_say(share, expected):
    assert majority_half_points([True, False], training_share_good=share).tolist() == expected


@pytest.mark.parametrize("share", [-0.1, 60, np.nan])
def test_a_share_outside_0_and_1_is_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        majority_half_points([True], training_share_good=share)


@pytest.mark.parametrize(
    ("lengths", "labels", "rule"),
    [
        ([10, 20, 30, 40], [False, False, True, True], LengthRule(20, longer_is_good=True)),
        ([10, 20, 30, 40], [True, True, False, False], LengthRule(20, longer_is_good=False)),
        ([10, 20, 30], [True, True, True], LengthRule(-1, longer_is_good=True)),
        ([10, 20, 30], [False, False, False], LengthRule(30, longer_is_good=True)),
        ([10, 10], [True, False], LengthRule(-1, longer_is_good=True)),
    ],
)
def test_the_length_rule_is_the_best_on_the_training_ratings(lengths, labels, rule):
    assert fit_length_rule(lengths, labels) == rule


@given(RATED)
def test_no_length_rule_is_better_on_the_training_ratings(rated):
    lengths, labels = map(np.array, zip(*rated, strict=True))

    fitted = length_half_points(lengths, labels, fit_length_rule(lengths, labels)).sum()

    rules = [LengthRule(cut, longer) for cut in range(-1, 10) for longer in (True, False)]
    assert fitted == max(length_half_points(lengths, labels, rule).sum() for rule in rules)


def test_a_length_rule_answers_new_ratings():
    rule = LengthRule(20, longer_is_good=False)

    assert length_half_points([20, 21, 5], [True, True, False], rule).tolist() == [2, 0, 0]


@pytest.mark.parametrize("lengths", [[1.5], [-1]])
def test_lengths_are_whole_numbers_of_characters(lengths):
    with pytest.raises(ValueError, match="characters"):
        fit_length_rule(lengths, [True])


def test_no_lengths_give_no_rule():
    with pytest.raises(EmptyDataError):
        fit_length_rule([], [])


@pytest.mark.parametrize(
    "answer",
    [
        lambda: rating_half_points([1.0, 2.0], [True], threshold=0),
        lambda: fit_length_rule([1, 2], [True]),
        lambda: length_half_points([1, 2], [True], LengthRule(0, longer_is_good=True)),
    ],
)
def test_labels_must_fit_the_examples(answer):
    with pytest.raises(ValueError, match="same length"):
        answer()
