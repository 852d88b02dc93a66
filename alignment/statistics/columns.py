"""Reads the columns that statistics are computed from, and refuses those that make no sense."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class EmptyDataError(ValueError):
    """There is nothing to compute from; no number stands for that."""


class Codes(NamedTuple):
    """Names as small integers: `names[codes]` is the column again. names are sorted and all in use."""

    names: NDArray[Any]
    codes: Ints


def encode(column: ArrayLike) -> Codes:
    """Number the distinct names in `column` (whole numbers or texts). Whole numbers need no sorting."""
    names = np.asarray(column)
    if names.size == 0:
        raise EmptyDataError("There are no judgments or examples yet.")
    if names.ndim != 1 or names.dtype.kind in "fc":
        raise ValueError("Names must be one column of whole numbers or texts.")
    if names.dtype.kind in "iu":
        first, last = int(names.min()), int(names.max())
        if last - first <= 8 * names.size + 1024:  # a table of all numbers in between is cheaper than sorting
            return _encode_dense(names - first, first)
    unique, codes = np.unique(names, return_inverse=True)
    return Codes(unique, codes.astype(np.int64))


def _encode_dense(offsets: Ints, first: int) -> Codes:
    used = np.zeros(int(offsets.max()) + 1, dtype=np.bool_)
    used[offsets] = True
    return Codes(np.flatnonzero(used) + first, (np.cumsum(used) - 1)[offsets])


def read_half_points(column: ArrayLike) -> Ints:
    """Half-points: 2 for a win or a right answer, 1 for a tie, 0 for a loss or a wrong answer."""
    half_points = np.asarray(column)
    if half_points.size == 0:
        raise EmptyDataError("There are no judgments or examples yet.")
    if half_points.ndim != 1 or half_points.dtype.kind not in "iu":
        raise ValueError("Half-points must be one column of whole numbers.")
    if half_points.min() < 0 or half_points.max() > 2:
        raise ValueError("Half-points are 2 (win), 1 (tie) or 0 (loss).")
    return half_points.astype(np.int64, copy=False)


def read_numbers(column: ArrayLike, what: str) -> Floats:
    """One column of finite numbers; `what` names it in the error."""
    numbers = np.asarray(column, dtype=np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"{what} must be one column of finite numbers.")
    if numbers.size == 0:
        raise EmptyDataError(f"{what} are missing: there are no examples yet.")
    return numbers


def read_flags(column: ArrayLike | None, size: int) -> Bools:
    """One column of True and False; None stands for False everywhere."""
    if column is None:
        return np.zeros(size, dtype=np.bool_)
    flags = np.asarray(column)
    if flags.ndim != 1 or (flags.size and flags.dtype.kind != "b"):
        raise ValueError("Flags and labels must be one column of True and False.")
    return flags.astype(np.bool_, copy=False)


def require_equal_sizes(*columns: NDArray[Any]) -> None:
    if len({column.size for column in columns}) > 1:
        raise ValueError("All columns must have the same length.")
