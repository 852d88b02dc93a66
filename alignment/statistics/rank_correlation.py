"""Does the accuracy of reward models predict the win rate? Rank correlation over the cells of a matrix.

Cells that share a source or a target are not independent: a test that shuffles single cells finds far too
much. So whole sources and targets are shuffled and drawn, never cells.
Shapes: S sources, T targets, N = S T cells, B resamples or permutations.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.columns import Floats, Ints, encode, read_numbers, require_equal_sizes
from alignment.statistics.resampling import NUM_RESAMPLES, percentiles

JOINT = "Kendall's tau-b; languages shuffled and drawn, each as source and target at once"
SEPARATE = "Kendall's tau-b; sources and targets shuffled and drawn"
_ROUNDING = 1e-12


class RankCorrelation(NamedTuple):
    """tau: 1 where both columns put the cells in the same order, -1 in the opposite one.

    p_value: two-sided, of no connection beyond what sources and targets have in common; never below
    1 / num_permutations. is_exact: all permutations were tried, else as many drawn at random.
    """

    tau: float
    low: float
    high: float
    confidence: float
    p_value: float
    num_permutations: int
    is_exact: bool
    num_sources: int
    num_targets: int
    method: str


def rank_correlation(
    accuracies: ArrayLike,
    win_rates: ArrayLike,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> RankCorrelation:
    """Kendall's tau-b (1945) of accuracies and win rates; one line (N,) for each cell of a whole matrix.

    Where sources and targets are the same languages, a permutation renames a language on both sides (Mantel
    1967), so that the diagonal stays the diagonal; else both sides are shuffled apart. The interval draws
    languages with replacement in the same way (Owen 2007, doi 10.1214/07-AOAS122). ValueError where a cell
    is missing or twice there, with fewer than 3 sources or targets, or where a column does not vary.
    """
    matrices, row_names, column_names = _matrices(accuracies, win_rates, sources, targets)
    signs, others = (_signs(matrix.ravel()) for matrix in matrices)
    if not (signs.any() and others.any()):
        raise ValueError("A rank correlation needs accuracies and win rates that vary.")
    joint = row_names == column_names
    shape = len(row_names), len(column_names)
    tau = float(_tau(signs, others, np.ones((1, signs.shape[0])))[0])
    is_exact, permutations = _permutations(shape, joint=joint, generator=generator)
    shuffled = np.array([(signs * others[np.ix_(cells, cells)]).sum() for cells in permutations])
    extreme = int((np.abs(shuffled) >= abs((signs * others).sum()) - _ROUNDING).sum())
    drawn = _tau(signs, others, _weights(shape, joint=joint, generator=generator))
    low, high = percentiles(drawn[np.isfinite(drawn)], confidence)
    return RankCorrelation(
        tau=tau,
        low=min(low, tau),
        high=max(high, tau),
        confidence=confidence,
        p_value=extreme / shuffled.size,
        num_permutations=shuffled.size,
        is_exact=is_exact,
        num_sources=shape[0],
        num_targets=shape[1],
        method=JOINT if joint else SEPARATE,
    )


def _matrices(
    accuracies: ArrayLike, win_rates: ArrayLike, sources: ArrayLike, targets: ArrayLike
) -> tuple[list[Floats], list[object], list[object]]:
    """Both columns as matrices (S, T), and the names of rows and columns."""
    columns = read_numbers(accuracies, "Accuracies"), read_numbers(win_rates, "Win rates")
    rows, places = encode(sources), encode(targets)
    require_equal_sizes(*columns, rows.codes, places.codes)
    shape = rows.names.size, places.names.size
    cells = rows.codes * shape[1] + places.codes
    if not np.array_equal(np.sort(cells), np.arange(shape[0] * shape[1])):
        raise ValueError("A rank correlation needs each source with each target once.")
    if min(shape) < 3:
        raise ValueError("A rank correlation needs at least three sources and three targets.")
    order = np.argsort(cells)
    return [column[order].reshape(shape) for column in columns], rows.names.tolist(), places.names.tolist()


def _signs(values: Floats) -> Floats:
    """Whether each cell is above (1), below (-1) or level with (0) each other one; (N, N)."""
    return np.sign(values[:, None] - values[None, :])


def _tau(signs: Floats, others: Floats, weights: Floats) -> Floats:
    """tau-b (B,) where each cell counts `weights` (B, N) times; NaN where one side is level throughout."""
    agreeing, ours, theirs = (
        ((weights @ pairs) * weights).sum(axis=1) for pairs in (signs * others, np.abs(signs), np.abs(others))
    )
    untied = np.sqrt(ours * theirs)
    tau: Floats = np.divide(agreeing, untied, out=np.full_like(untied, np.nan), where=untied > 0)
    return tau


def _permutations(
    shape: tuple[int, int], *, joint: bool, generator: np.random.Generator
) -> tuple[bool, Iterator[Ints]]:
    """Whether they are all there are, and the permutations of cells (N,), the one that moves none first."""
    rows, columns = shape
    cells = np.arange(rows * columns, dtype=np.int64).reshape(shape)
    possible = math.factorial(rows) * (1 if joint else math.factorial(columns))
    if possible <= NUM_RESAMPLES:
        orders = itertools.permutations(range(rows))
        if joint:
            return True, (cells[np.ix_(order, order)].ravel() for order in orders)
        sides = itertools.product(orders, itertools.permutations(range(columns)))
        return True, (cells[np.ix_(*side)].ravel() for side in sides)
    return False, _random_permutations(cells, joint=joint, generator=generator)


def _random_permutations(cells: Ints, *, joint: bool, generator: np.random.Generator) -> Iterator[Ints]:
    yield cells.ravel()
    for _ in range(NUM_RESAMPLES - 1):
        order = generator.permutation(cells.shape[0])
        yield cells[np.ix_(order, order if joint else generator.permutation(cells.shape[1]))].ravel()


def _weights(shape: tuple[int, int], *, joint: bool, generator: np.random.Generator) -> Floats:
    """How often each cell (B, N) is drawn, when sources and targets are drawn with replacement."""
    rows, columns = (
        generator.multinomial(size, np.full(size, 1 / size), size=NUM_RESAMPLES) for size in shape
    )
    weights = rows[:, :, None] * (rows if joint else columns)[:, None, :]
    return weights.reshape(NUM_RESAMPLES, -1).astype(np.float64)
