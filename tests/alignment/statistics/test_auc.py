import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from alignment.statistics.auc import auc
from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import WITHOUT_SPREAD, wilson

RATED = st.lists(
    st.tuples(st.integers(-4, 4), st.booleans(), st.integers(0, 5)), min_size=2, max_size=40
).filter(lambda rows: len({label for _, label, _ in rows}) == 2)


def columns(rated):
    rewards, labels, prompts = map(np.array, zip(*rated, strict=True))
    return rewards.astype(float), labels, prompts


def test_hanley_and_mcneil_1982_has_the_published_area_and_delong_error():
    """109 images rated from 1 to 5; area .8932, standard error .0307 (Stata's manual, roctab)."""
    ratings = np.tile(np.arange(1, 6), 2)
    counts = [33, 6, 6, 11, 2, 3, 2, 2, 11, 33]

    result = auc(np.repeat(ratings, counts), np.repeat(np.arange(10) >= 5, counts))

    assert (result.num_bad, result.num_good) == (58, 51)
    assert result.estimate == pytest.approx(0.8932, abs=5e-5)
    assert math.sqrt(result.variance) == pytest.approx(0.0307, abs=5e-5)


def test_a_case_by_hand():
    """Good 1, 3 and bad 0, 1, 2: of six pairs 4 are won, 1 tied; placements 1/2, 1 and 1, 3/4, 1/2."""
    result = auc([1, 3, 0, 1, 2], [True, True, False, False, False])

    assert result.estimate == pytest.approx(4.5 / 6)
    assert result.variance == pytest.approx(
        np.var([1 / 2, 1], ddof=1) / 2 + np.var([1, 3 / 4, 1 / 2], ddof=1) / 3
    )


def test_a_clustered_case_by_hand():
    """Obuchowski's variance with the placements of the case above in the prompts (1, 3, 0) and (1, 2)."""
    result = auc([1, 3, 0, 1, 2], [True, True, False, False, False], [1, 2, 1, 2, 2])

    good, bad = np.array([-1 / 4, 1 / 4]) / 2, np.array([1 / 4, -1 / 4]) / 3
    assert result.variance == pytest.approx(2 * (good @ good + bad @ bad + 2 * good @ bad))


@given(RATED)
def test_the_area_is_that_of_scikit_learn(rated):
    rewards, labels, _ = columns(rated)

    assert auc(rewards, labels).estimate == pytest.approx(roc_auc_score(labels, rewards))


@given(RATED)
def test_negating_the_rewards_mirrors_area_and_interval(rated):
    rewards, labels, prompts = columns(rated)
    ours, theirs = auc(rewards, labels, prompts), auc(-rewards, labels, prompts)

    assert theirs[:3] == pytest.approx((1 - ours.estimate, 1 - ours.high, 1 - ours.low))


@given(RATED)
def test_the_order_of_examples_changes_nothing(rated):
    rewards, labels, prompts = columns(rated)
    ours, reversed_ = auc(rewards, labels, prompts), auc(rewards[::-1], labels[::-1], prompts[::-1])

    assert reversed_ == ours


@given(RATED)
def test_only_the_order_of_the_rewards_matters(rated):
    rewards, labels, prompts = columns(rated)

    assert auc(np.exp(rewards), labels, prompts) == auc(rewards, labels, prompts)


@given(RATED)
def test_the_interval_is_finite_and_holds_the_area(rated):
    result = auc(*columns(rated))

    assert result.variance >= 0
    assert 0 <= result.low < result.high <= 1
    assert result.low - 1e-12 <= result.estimate <= result.high + 1e-12


def test_perfect_separation_is_no_certainty():
    result = auc([1, 2, 3, 4, 5], [False, False, False, True, True])

    assert result.estimate == 1
    assert (result.low, result.high) == wilson(1, 2)
    assert result.method.endswith(WITHOUT_SPREAD)


def test_one_good_example_leaves_a_wide_interval():
    result = auc(np.arange(100), np.arange(100) == 70)

    assert (result.low, result.high) == wilson(70 / 99, 1)


def test_the_clustered_interval_covers_where_the_plain_one_is_too_narrow():
    random, repeats, covered = np.random.default_rng(0), 500, np.zeros(2)
    prompts = np.repeat(np.arange(40), 5)
    truth = 0.5 * (1 + math.erf(0.5 / math.sqrt(2)))  # P(N(1/2, 1) > 0): reward means differ by 1, variance 4
    for _ in range(repeats):
        labels = random.random(200) < random.random(40)[prompts]
        rewards = random.normal(0, 1, 40)[prompts] + random.normal(0, 1, 200) + labels
        results = auc(rewards, labels, prompts), auc(rewards, labels)
        covered += [result.low <= truth <= result.high for result in results]

    clustered, plain = covered / repeats
    assert clustered == pytest.approx(0.95, abs=0.03)  # three standard errors
    assert plain < clustered - 0.03


@pytest.mark.parametrize("label", [True, False])
def test_only_good_or_only_bad_examples_have_no_area(label):
    with pytest.raises(EmptyDataError, match="good and bad"):
        auc([1, 2], [label, label])
