import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from alignment.statistics.calibration import calibration, temperature
from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import wilson

EXAMPLES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2)), min_size=2, max_size=30)


def calibrated(probabilities, half_points, prompts=None, seed=0, **options):
    return calibration(probabilities, half_points, prompts, generator=np.random.default_rng(seed), **options)


def answers(seed, size, *, slope=1.0):
    """Logits, and answers that are right with probability sigmoid(slope * logit)."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, size)
    return logits, 2 * (random.random(size) < expit(slope * logits))


def test_five_answers_by_hand():
    result = calibrated([0.9, 0.9, 0.7, 0.7, 0.7], [2, 0, 2, 2, 1], num_bins=2)

    (only,) = result.bins
    assert only[:4] == pytest.approx((0.5, 1, 0.78, 0.7))
    assert (only.low, only.high) == pytest.approx(wilson(0.7, 0.7 * 0.3 / 0.04, df=4))  # V = 0.8 / (4 * 5)
    assert result.expected_error == pytest.approx(0.08)
    assert result.brier == pytest.approx((0.01 + 0.81 + 2 * 0.09 + 0.04) / 5)


def test_bins_without_examples_are_absent_and_one_belongs_to_the_last():
    result = calibrated([0.05, 0.95, 1.0], [0, 2, 2])

    assert [(bin.start, bin.num_examples) for bin in result.bins] == [(0, 1), (0.9, 2)]
    assert result.expected_error == pytest.approx((0.05 + 0.05) / 3)


def test_the_brier_score_is_that_of_scikit_learn():
    logits, half_points = answers(0, 300)

    result = calibrated(expit(logits), half_points)

    assert result.brier == pytest.approx(brier_score_loss(half_points / 2, expit(logits)))
    assert result.brier_interval.low < result.brier < result.brier_interval.high


@given(EXAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_examples_does_not_matter(examples, shuffler):
    shuffled = list(examples)
    shuffler.shuffle(shuffled)

    one, other = (calibrated(*map(np.array, zip(*rows, strict=True))) for rows in (examples, shuffled))

    assert (other.expected_error, other.brier) == pytest.approx((one.expected_error, one.brier))
    assert other.expected_error_interval == pytest.approx(one.expected_error_interval, abs=1e-9)


@given(EXAMPLES)
def test_saying_the_opposite_of_the_opposite_outcome_is_as_well_calibrated(examples):
    probabilities, half_points = map(np.array, zip(*examples, strict=True))

    one, other = calibrated(probabilities, half_points), calibrated(1 - probabilities, 2 - half_points)

    assert other.brier == pytest.approx(one.brier)
    low, high = one.expected_error_interval
    assert 0 <= low <= one.expected_error <= high


def test_a_calibrated_model_has_the_error_that_chance_gives_it():
    logits, half_points = answers(1, 2000)

    results = [calibrated(expit(logits[i::4]), half_points[i::4]) for i in range(4)]

    by_chance = np.mean([result.error_by_chance for result in results])
    assert np.mean([result.expected_error for result in results]) == pytest.approx(by_chance, rel=0.25)
    assert [result.expected_error_interval.low for result in results] == [0] * 4


def test_a_model_that_is_too_sure_lies_above_chance():
    logits, half_points = answers(1, 500, slope=0.4)

    result = calibrated(expit(logits), half_points)

    assert result.expected_error_interval.low > result.error_by_chance


def test_the_interval_is_clustered_by_prompt():
    logits, half_points = answers(2, 100, slope=0.4)
    repeated = [np.repeat(column, 6) for column in (expit(logits), half_points, np.arange(100))]

    alone, together = calibrated(expit(logits), half_points), calibrated(*repeated)

    assert (together.num_prompts, together.num_examples) == (100, 600)
    assert np.diff(together.brier_interval) == pytest.approx(np.diff(alone.brier_interval), rel=0.05)


@pytest.mark.parametrize("slope", [0.5, 0.8, 1])
def test_the_interval_covers_the_error_of_a_model_that_is_too_sure(slope):
    logits = np.resize([-3.0, -1.5, -0.5, 0.5, 1.5, 3.0], 300)  # each in a bin of its own
    truth, repeats = np.abs(expit(logits) - expit(slope * logits)).mean(), 100
    random, covered = np.random.default_rng(0), 0
    for _ in range(repeats):
        half_points = 2 * (random.random(300) < expit(slope * logits))
        low, high = calibrated(expit(logits), half_points).expected_error_interval
        covered += low <= truth <= high

    assert covered / repeats > 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)


def test_the_temperature_is_that_of_a_logistic_regression_without_intercept():
    logits, half_points = answers(4, 400, slope=0.5)

    peer = LogisticRegression(C=1e10, fit_intercept=False, tol=1e-10).fit(logits[:, None], half_points)

    assert temperature(logits, half_points) == pytest.approx(1 / peer.coef_[0, 0], rel=1e-4)


def test_the_temperature_scales_with_the_logits():
    logits, half_points = answers(5, 100)

    assert temperature(3 * logits, half_points) == pytest.approx(3 * temperature(logits, half_points))


@pytest.mark.parametrize(
    ("half_points", "reason"), [([2, 2, 0], "no answer is wrong"), ([0, 0, 2], "not more often right")]
)
def test_a_temperature_at_an_end_is_refused(half_points, reason):
    with pytest.raises(ValueError, match=reason):
        temperature([1.0, 2.0, -1.0], half_points)


@pytest.mark.parametrize(
    ("probabilities", "options", "reason"),
    [
        ([0.5, 1.2], {}, "between 0 and 1"),
        ([0.5, math.nan], {}, "finite"),
        ([0.5], {}, "same length"),
        ([0.5, 0.5], {"num_bins": 0}, "at least one bin"),
        ([0.5, 0.5], {"prompts": [1, 1]}, "two prompts"),
    ],
)
def test_what_makes_no_sense_is_refused(probabilities, options, reason):
    with pytest.raises(ValueError, match=reason):
        calibrated(probabilities, [2, 0], **options)


def test_no_examples_have_no_calibration():
    with pytest.raises(EmptyDataError):
        calibrated([], [])
