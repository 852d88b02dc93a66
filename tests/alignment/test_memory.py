from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import AlignmentError
from alignment.memory import Batch, Halving, is_out_of_memory


class Small:
    """Work that squares numbers, with memory for so many at once; the sizes it was asked for are kept."""

    def __init__(self, fits: int) -> None:
        self._fits = fits
        self.sizes: list[int] = []

    def __call__(self, rows):
        self.sizes.append(len(rows))
        if len(rows) > self._fits:
            raise torch.OutOfMemoryError
        return [row * row for row in rows]


def halving() -> Halving:
    return Halving(rows="numbers", advice="ask for fewer")


def test_the_allocator_of_the_cpu_says_that_the_memory_does_not_suffice():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(10**15)

    assert is_out_of_memory(raised.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_other_errors_are_not_taken_for_it(error, expected):
    assert is_out_of_memory(error) is expected


@given(st.integers(2, 200))
def test_halves_keep_the_batch_and_are_at_most_half_as_large(size):
    halved = Batch(size).halved()

    assert halved.size == prod(halved) == size
    assert halved.per_device <= size / 2


@pytest.mark.parametrize(("size", "halves"), [(16, (8, 2)), (9, (3, 3)), (7, (1, 7)), (2, (1, 2))])
def test_an_odd_batch_is_cut_into_equal_parts(size, halves):
    assert Batch(size).halved() == halves


def test_a_batch_is_halved_once_and_one_example_never():
    assert Batch(4).divisible
    assert not Batch(4).halved().divisible
    assert not Batch(1).divisible


def test_what_fits_is_computed_at_once():
    work, notes = Small(fits=4), []

    assert halving().compute(work, [1, 2, 3, 4], notes.append) == [1, 4, 9, 16]
    assert (work.sizes, notes) == ([4], [])


def test_what_does_not_fit_is_computed_in_halves_from_then_on_and_that_is_said_once():
    work, notes = Small(fits=3), []
    computing = halving()

    first = computing.compute(work, [1, 2, 3, 4, 5], notes.append)
    second = computing.compute(work, [1, 2], notes.append)

    assert (first, second) == ([1, 4, 9, 16, 25], [1, 4])
    assert work.sizes == [5, 3, 2, 1, 1]
    (note,) = notes
    assert note.startswith("The memory does not suffice for 5 numbers at once")


def test_halves_that_do_not_fit_either_are_an_error_with_advice():
    with pytest.raises(AlignmentError, match="not suffice for numbers, 2 at once; ask for fewer"):
        halving().compute(Small(fits=1), [1, 2, 3, 4], [].append)


def test_one_row_that_does_not_fit_is_an_error_with_advice():
    with pytest.raises(AlignmentError, match="not suffice for numbers, 1 at once"):
        halving().compute(Small(fits=0), [1], [].append)


def test_another_error_passes():
    def work(rows):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        halving().compute(work, [1, 2], [].append)
