import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from alignment.statistics.rank_correlation import JOINT, SEPARATE, rank_correlation

LANGUAGES = ["de", "en", "es", "ru"]


def correlated(accuracies, win_rates, sources=LANGUAGES, targets=LANGUAGES, seed=0, **options):
    """Of two matrices whose rows are sources."""
    return rank_correlation(
        np.ravel(accuracies),
        np.ravel(win_rates),
        np.repeat(sources, len(targets)),
        np.tile(targets, len(sources)),
        generator=np.random.default_rng(seed),
        **options,
    )


@st.composite
def matrices(draw):
    """Two matrices of few different values, so that there are ties."""
    cells = st.lists(st.integers(0, 4), min_size=16, max_size=16).filter(lambda values: len(set(values)) > 1)
    return [np.array(draw(cells)).reshape(4, 4) for _ in range(2)]


def test_nine_cells_by_hand():
    accuracies = np.arange(9)
    win_rates = [1, 0, 2, 3, 4, 5, 6, 8, 7]  # two of 36 pairs are in the other order

    result = correlated(accuracies, win_rates, LANGUAGES[:3], LANGUAGES[:3])

    assert result.tau == pytest.approx((34 - 2) / 36)
    assert (result.num_sources, result.num_targets, result.method) == (3, 3, JOINT)
    assert (result.num_permutations, result.is_exact) == (6, True)


@given(matrices())
def test_tau_is_that_of_scipy_with_ties_too(pair):
    ours = correlated(*pair).tau

    assert ours == pytest.approx(kendalltau(*map(np.ravel, pair)).statistic)


@given(matrices(), st.permutations(range(16)))
def test_neither_the_order_of_cells_nor_a_rising_scale_matters(pair, order):
    accuracies, win_rates = map(np.ravel, pair)
    sources, targets = np.repeat(LANGUAGES, 4)[order], np.tile(LANGUAGES, 4)[order]

    other = rank_correlation(
        np.exp(accuracies[order]), win_rates[order], sources, targets, generator=np.random.default_rng(0)
    )

    assert other == correlated(*pair)


@given(matrices())
def test_the_two_columns_can_be_swapped_and_a_reversed_one_turns_the_sign(pair):
    result = correlated(*pair)
    swapped, reversed_ = correlated(*pair[::-1]), correlated(pair[0], -pair[1])

    assert (swapped.tau, swapped.p_value) == pytest.approx((result.tau, result.p_value))
    assert reversed_[:3] == pytest.approx((-result.tau, -result.high, -result.low))


def test_the_smallest_p_value_is_one_of_all_permutations():
    matrix = np.random.default_rng(0).random((4, 4))

    result = correlated(matrix, matrix)

    assert result.tau == pytest.approx(1)
    assert result.p_value == 1 / math.factorial(4)


def test_with_many_languages_permutations_are_drawn():
    languages = [f"q{letter}" for letter in "abcdefgh"]
    matrix = np.random.default_rng(0).random((8, 8))

    result = correlated(matrix, matrix, languages, languages)

    assert (result.num_permutations, result.is_exact) == (2000, False)
    assert result.p_value == 1 / 2000


def test_other_targets_than_sources_are_shuffled_apart():
    matrix = np.random.default_rng(0).random((4, 3))

    result = correlated(matrix, matrix, LANGUAGES, ["tr", "vi", "zh"])

    assert (result.method, result.num_permutations) == (SEPARATE, 24 * 6)
    assert result.p_value == 1 / (24 * 6)


def test_what_sources_and_targets_have_in_common_is_not_taken_for_a_connection():
    random, repeats, found, naive = np.random.default_rng(3), 150, 0, 0
    for _ in range(repeats):
        pair = [random.normal(size=(4, 1)) * 2 + random.normal(size=(4, 4)) for _ in range(2)]
        found += correlated(*pair).p_value < 0.05
        naive += kendalltau(*map(np.ravel, pair)).pvalue < 0.05

    assert found / repeats < 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)
    assert naive / repeats > 0.15


@pytest.mark.parametrize(
    ("accuracies", "sources", "reason"),
    [
        (np.arange(16), ["de", "en", "es", "es"], "each source with each target once"),
        (np.ones(16), LANGUAGES, "vary"),
        (np.full(16, np.nan), LANGUAGES, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(accuracies, sources, reason):
    with pytest.raises(ValueError, match=reason):
        correlated(accuracies, np.arange(16), sources)


def test_two_languages_are_too_few():
    with pytest.raises(ValueError, match="at least three"):
        correlated(np.arange(4), np.arange(4), LANGUAGES[:2], LANGUAGES[:2])
