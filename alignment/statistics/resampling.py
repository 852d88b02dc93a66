"""The bootstrap over prompts, for numbers that are computed from sums: whole prompts are drawn, not answers.

Shapes: P prompts, F columns of sums, B resamples.
"""

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.columns import Floats, Ints
from alignment.statistics.intervals import Interval

NUM_RESAMPLES = 2000
_BATCH = 4_000_000  # drawn counts held at once


def sums_by(codes: Ints, rows: Floats) -> Floats:
    """Add up rows (J, F) that have the same code (J,). Returns (P, F)."""
    return np.stack([np.bincount(codes, weights=column) for column in rows.T], axis=1)


def resampled_sums(rows: Floats, *, num_resamples: int, generator: np.random.Generator) -> Floats:
    """Sums (B, F) over as many prompts as there are, drawn with replacement; rows (P, F), one for each.

    Prompts with equal rows are drawn together, so that many prompts with few different outcomes cost
    little, and the order of prompts makes no difference.
    """
    if rows.shape[0] < 2:
        raise ValueError("An interval by resampling needs at least two prompts.")
    if num_resamples < 100:
        raise ValueError("An interval needs at least 100 resamples.")
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    shares = counts / rows.shape[0]
    batch = max(1, _BATCH // counts.size)
    sizes = [min(batch, num_resamples - start) for start in range(0, num_resamples, batch)]
    return np.concatenate(
        [generator.multinomial(rows.shape[0], shares, size=size) @ distinct for size in sizes]
    )


def percentiles(values: ArrayLike, confidence: float) -> Interval:
    """The middle share of resampled values (B,), such as 95 % of them."""
    if not 0 < confidence < 1:
        raise ValueError("The confidence must lie between 0 and 1, such as 0.95.")
    low, high = np.quantile(np.asarray(values), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
