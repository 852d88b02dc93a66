"""What is done when the memory does not suffice: the batch is halved once, and that is said."""

import gc
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, TypeVar

import torch

from alignment.errors import AlignmentError

# What a CPU's allocator and cuBLAS say in a plain RuntimeError.
MESSAGES = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
Row = TypeVar("Row")
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of an accelerator, or of the machine, did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in MESSAGES)


def release() -> None:
    """Give back what nobody holds. Call it after the `except` block: the traceback holds tensors, too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Batch(NamedTuple):
    """The examples of one update, computed in `accumulation` parts of `per_device` each."""

    per_device: int
    accumulation: int = 1

    @property
    def size(self) -> int:
        return self.per_device * self.accumulation

    @property
    def divisible(self) -> bool:
        """Whether it may still be halved: once, and not where its parts have one example."""
        return self.accumulation == 1 and self.per_device > 1

    def halved(self) -> Self:
        """As large a batch in equal parts, at most half as large: of 16 two of 8, of 9 three, of 7 seven."""
        part = next(size for size in range(self.per_device // 2, 0, -1) if self.per_device % size == 0)
        return type(self)(part, self.accumulation * (self.per_device // part))


class Halving:
    """Computes rows together, and from the first time that the memory does not suffice in two halves.

    say: told once, in a sentence; rows: what they are, for that sentence; advice: ends the sentence of the
    error where even halves are too large.
    """

    def __init__(self, say: Callable[[str], None], *, rows: str, advice: str) -> None:
        self._say = say
        self._rows = rows
        self._advice = advice
        self._halved = False

    def compute(self, work: Callable[[Sequence[Row]], list[Result]], rows: Sequence[Row]) -> list[Result]:
        """`work` on all rows, its results joined. Raises AlignmentError when halves are too large, too."""
        if not self._halved:
            try:
                return work(rows)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if len(rows) == 1:
                    raise self._refusal(1) from error
            release()
            self._halved = True
            self._say(
                f"The memory does not suffice for {len(rows)} {self._rows} at once, so from now on they are "
                "computed in two halves; the results change by rounding only."
            )
        middle = -(-len(rows) // 2)
        return [
            result
            for half in (rows[:middle], rows[middle:])
            if half
            for result in self._compute_half(work, half)
        ]

    def _compute_half(
        self, work: Callable[[Sequence[Row]], list[Result]], half: Sequence[Row]
    ) -> list[Result]:
        try:
            return work(half)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise self._refusal(len(half)) from error

    def _refusal(self, count: int) -> AlignmentError:
        return AlignmentError(
            f"The memory does not suffice for {self._rows}, {count} at once; {self._advice}."
        )
