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

    rows: what they are, for the sentence that says so; advice: ends the one where halves are too large, too.
    """

    def __init__(self, *, rows: str, advice: str) -> None:
        self._rows = rows
        self._advice = advice
        self._halved = False

    def compute(
        self, work: Callable[[Sequence[Row]], list[Result]], rows: Sequence[Row], say: Callable[[str], None]
    ) -> list[Result]:
        """`work` on all rows, its results joined. Raises AlignmentError when halves are too large, too.

        say: told once that there are halves from now on.
        """
        if not self._halved:
            try:
                return work(rows)
            except Exception as error:
                self._check(error, may_halve=len(rows) > 1, count=len(rows))
            release()
            self._halved = True
            say(
                f"The memory does not suffice for {len(rows)} {self._rows} at once, so from now on they are "
                "computed in two halves; the results change by rounding only."
            )
        middle = -(-len(rows) // 2)
        halves = [half for half in (rows[:middle], rows[middle:]) if half]
        return [result for half in halves for result in self._compute_half(work, half)]

    def _compute_half(
        self, work: Callable[[Sequence[Row]], list[Result]], half: Sequence[Row]
    ) -> list[Result]:
        try:
            return work(half)
        except Exception as error:
            self._check(error, may_halve=False, count=len(half))
            raise

    def _check(self, error: Exception, *, may_halve: bool, count: int) -> None:
        """Let pass what halving may mend; raise anything else, with advice where it is about the memory."""
        if not is_out_of_memory(error):
            raise error
        if not may_halve:
            raise AlignmentError(
                f"The memory does not suffice for {self._rows}, {count} at once; {self._advice}."
            ) from error
