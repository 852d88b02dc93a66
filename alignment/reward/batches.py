"""Batches whose shape depends on nothing but the length of the text itself.

A matrix product may round differently for another shape, so a text padded to the longest of its neighbours
gets another reward beside each of them. Here a text always sits in a batch of the same rows and columns, and
its reward is the same to the last bit in whatever company, after whatever interruption.

B rows, T columns.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

TOKENS_PER_BATCH = {"cpu": 256, "cuda": 16_384}
# Of one prompt there are only so many responses of a length, and rows that merely fill a shape cost as much.
TOKENS_PER_GROUP = {"cpu": 128, "cuda": 1_024}
MAX_ROWS = 64
ATTENDED = 32  # times the tokens of a batch: what its rows may look back at, which takes memory, too


class Shape(NamedTuple):
    """Rows and columns of a batch."""

    rows: int
    columns: int


class Batch(NamedTuple):
    """positions: where its first len(positions) rows stood in the input; the rest fills the shape."""

    positions: tuple[int, ...]
    input_ids: Tensor
    attention_mask: Tensor


def shape_for(num_tokens: int, *, max_tokens: int, budget: int, num_before: int = 0) -> Shape:
    """The shape in which a text of this length is always computed; budget: about rows times columns.

    num_before: tokens that were read before and are not computed again.
    """
    step = 8 if num_tokens <= 64 else 32
    columns = min(-(-num_tokens // step) * step, max(max_tokens - num_before, num_tokens))
    rows = min(budget // columns, ATTENDED * budget // (num_before + columns))
    return Shape(min(MAX_ROWS, max(1, rows)), columns)


def batches(
    ids: Sequence[Sequence[int]], *, max_tokens: int, budget: int, num_before: int = 0
) -> Iterator[Batch]:
    """Cut token ids into batches of equal shapes, short texts first. Padded on the right with token 0."""
    shapes = [shape_for(len(row), max_tokens=max_tokens, budget=budget, num_before=num_before) for row in ids]
    for shape in sorted(set(shapes), key=lambda shape: shape.columns):
        positions = [position for position, own in enumerate(shapes) if own == shape]
        for start in range(0, len(positions), shape.rows):
            yield _batch(ids, tuple(positions[start : start + shape.rows]), shape)


def _batch(ids: Sequence[Sequence[int]], positions: tuple[int, ...], shape: Shape) -> Batch:
    input_ids = torch.zeros(shape, dtype=torch.long)  # (B, T)
    attention_mask = torch.zeros(shape, dtype=torch.long)  # (B, T)
    attention_mask[len(positions) :, 0] = 1  # a row without any token would be all NaN
    for row, position in enumerate(positions):
        length = len(ids[position])
        input_ids[row, :length] = torch.tensor(ids[position])
        attention_mask[row, :length] = 1
    return Batch(positions, input_ids, attention_mask)
