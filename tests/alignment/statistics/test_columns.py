import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.statistics.columns import (
    EmptyDataError,
    encode,
    read_flags,
    read_half_points,
    read_numbers,
    require_equal_sizes,
)


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1) | st.lists(st.text("abc", max_size=2), min_size=1))
def test_codes_are_those_of_sorted_distinct_names(column):
    names, codes = encode(column)

    expected_names, expected_codes = np.unique(column, return_inverse=True)
    assert names.tolist() == expected_names.tolist()
    assert codes.tolist() == expected_codes.tolist()


def test_close_numbers_and_far_numbers_get_the_same_codes():
    column = np.array([7, 3, 3, 9])

    assert encode(column).codes.tolist() == encode(column * 10**9).codes.tolist() == [1, 0, 0, 2]


@pytest.mark.parametrize("column", [[0.5, 1.0], [[1, 2]]])
def test_names_that_are_fractions_or_tables_are_refused(column):
    with pytest.raises(ValueError, match="one column"):
        encode(column)


@pytest.mark.parametrize("column", [[0.5], [True], [[1]], ["2"]])
def test_half_points_are_whole_numbers(column):
    with pytest.raises(ValueError, match="whole numbers"):
        read_half_points(column)


@pytest.mark.parametrize("column", [[3], [-1]])
def test_half_points_are_0_1_or_2(column):
    with pytest.raises(ValueError, match="2 .win., 1 .tie. or 0"):
        read_half_points(column)


@pytest.mark.parametrize("column", [[np.nan], [np.inf], [[1.0]]])
def test_numbers_are_finite(column):
    with pytest.raises(ValueError, match="Rewards must be one column of finite"):
        read_numbers(column, "Rewards")


@pytest.mark.parametrize("column", [[1, 0], [[True]]])
def test_flags_are_true_or_false(column):
    with pytest.raises(ValueError, match="True and False"):
        read_flags(column, 2)


def test_no_flags_stand_for_false_everywhere():
    assert read_flags(None, 3).tolist() == [False, False, False]


@pytest.mark.parametrize("read", [encode, read_half_points, lambda column: read_numbers(column, "Rewards")])
def test_empty_columns_are_refused(read):
    with pytest.raises(EmptyDataError):
        read([])


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="same length"):
        require_equal_sizes(np.zeros(2), np.zeros(3))
