from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.training.example_order import training_order

LENGTHS = np.random.default_rng(0).integers(1, 500, 700).tolist()


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 3))
def test_each_epoch_sees_each_example_once(count, batch_size, epochs):
    order = training_order(list(range(count)), epochs=epochs, batch_size=batch_size, seed=1)

    assert set(Counter(order).values()) == {epochs}


def test_a_part_of_an_epoch_may_be_asked_for():
    order = training_order(LENGTHS, epochs=1.5, batch_size=8, seed=1)

    assert len(order) == 1050
    assert max(Counter(order).values()) == 2


def test_the_seed_decides_the_order():
    first, again, other = (training_order(LENGTHS, epochs=1, batch_size=8, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def padded_tokens(order: list[int]) -> int:
    batches = [order[start : start + 8] for start in range(0, len(order), 8)]
    return sum(max(LENGTHS[place] for place in batch) * len(batch) for batch in batches)


@pytest.mark.parametrize("epochs", [1, 3])
def test_texts_of_like_length_are_side_by_side_in_every_epoch(epochs):
    order = training_order(LENGTHS, epochs=epochs, batch_size=8, seed=1)

    assert padded_tokens(order) < 1.1 * epochs * sum(LENGTHS)


def test_long_texts_do_not_all_come_last():
    order = training_order(LENGTHS, epochs=1, batch_size=8, seed=1)

    first_half = np.mean([LENGTHS[place] for place in order[:350]])
    assert abs(first_half - np.mean(LENGTHS)) < 60
