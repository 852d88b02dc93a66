import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alignment.statistics.intervals import Estimate, quantile, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_intervals_of_newcombe_1998(successes, n, low, high):
    assert wilson(successes / n, n) == pytest.approx((low, high), abs=5e-5)


def test_the_quantile_is_two_sided():
    assert quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert quantile(0.95, df=9) == pytest.approx(stats.t.ppf(0.975, 9))


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
def test_a_confidence_outside_0_and_1_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile(confidence)


@pytest.mark.parametrize(
    ("proportion", "n"), [(-0.1, 10), (1.1, 10), (math.nan, 10), (0.5, 0), (0.5, math.nan)]
)
def test_wilson_refuses_what_is_no_proportion(proportion, n):
    with pytest.raises(ValueError, match="proportion"):
        wilson(proportion, n)


@given(st.floats(0, 1), st.floats(0.1, 1e6))
def test_wilson_mirrors_and_encloses_the_proportion(proportion, n):
    low, high = wilson(proportion, n)

    assert 0 <= low <= proportion + 1e-12
    assert proportion - 1e-12 <= high <= 1
    assert wilson(1 - proportion, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_the_effective_number_is_the_number_of_independent_answers_that_vary_as_much():
    independent = Estimate(mean=0.3, variance=0.3 * 0.7 / 50, units=10, df=math.inf)

    assert independent.interval(0.95) == pytest.approx(wilson(0.3, 50))


def test_few_clusters_widen_the_interval_through_students_t():
    few, many = (Estimate(mean=0.3, variance=0.01, units=5, df=df).interval(0.95) for df in (4, 400))

    assert few.low < many.low < many.high < few.high


@pytest.mark.parametrize("mean", [0, 0.5, 1])
def test_units_that_agree_count_as_one_answer_each(mean):
    estimate = Estimate(mean=mean, variance=0, units=20, df=19)

    assert not estimate.shows_spread
    assert estimate.interval(0.95) == wilson(mean, 20)


def test_intervals_are_finite_for_a_single_unit():
    assert np.isfinite(Estimate(mean=1, variance=0, units=1, df=0).interval(0.95)).all()
