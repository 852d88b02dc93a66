"""Blocks of the graph of runs: those of one kind in a grid of source × target, or in a list of either."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

CELL = 44
WIDE_CELL = 72
ROW = 30
GAP = 4
LABEL = 38  # the room of a tag before its row
HEADER = 20  # and of one above its column
TITLE = 48
PADDING = 14
LETTER = 8  # the width of a letter of a title, about


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A run, as far as its place in a drawing goes. source, target: "" where it has none."""

    pk: int
    kind: str
    source: str = ""
    target: str = ""
    parents: tuple[int, ...] = ()


class Cell(NamedTuple):
    """The place of a run: the upper left corner and the size of its box."""

    pk: int
    x: float
    y: float
    width: float
    height: float = ROW


class Label(NamedTuple):
    """The tag of a row or a column. x and y: its middle."""

    text: str
    x: float
    y: float


class Block(NamedTuple):
    """The runs of one kind and depth, with their places in the drawing."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    labels: tuple[Label, ...]
    cells: tuple[Cell, ...]

    @property
    def middle(self) -> float:
        """The height at which lines come in and go out."""
        return self.y + self.height / 2

    def moved(self, x: float, y: float) -> Self:
        """The same block with everything in it, so much further right and down."""
        return self._replace(
            x=self.x + x,
            y=self.y + y,
            labels=tuple(label._replace(x=label.x + x, y=label.y + y) for label in self.labels),
            cells=tuple(cell._replace(x=cell.x + x, y=cell.y + y) for cell in self.cells),
        )


Row = tuple[str, int]
"""A tag, and the how manieth of equal places: two runs of one source and target stand one below the other."""


def block_of(nodes: Sequence[Node], title: str) -> Block:
    """Fold the runs of a kind into a block at the origin, wide enough for its title."""
    is_grid = any(node.source and node.target for node in nodes)
    places = _places(nodes, is_grid=is_grid)
    rows, columns = sorted({row for row, _ in places}), sorted({column for _, column in places})
    header = HEADER if is_grid else 0
    least = len(columns) * (CELL + GAP) - GAP if is_grid else WIDE_CELL
    room = max(least, len(title) * LETTER - LABEL)
    width = CELL if is_grid else room
    xs = {column: PADDING + LABEL + at * (width + GAP) for at, column in enumerate(columns)}
    ys = {row: TITLE + header + at * (ROW + GAP) for at, row in enumerate(rows)}
    return Block(
        kind=nodes[0].kind,
        x=0,
        y=0,
        width=LABEL + room + 2 * PADDING,
        height=TITLE + header + len(rows) * (ROW + GAP) - GAP + PADDING,
        labels=(
            *(Label(tag, PADDING + LABEL / 2 - GAP, y + ROW / 2) for (tag, _), y in ys.items()),
            *(Label(tag, x + CELL / 2, TITLE + HEADER / 2 - GAP) for tag, x in xs.items() if tag),
        ),
        cells=tuple(
            Cell(node.pk, xs[column], ys[row], width)
            for node, (row, column) in zip(nodes, places, strict=True)
        ),
    )


def _places(nodes: Sequence[Node], *, is_grid: bool) -> list[tuple[Row, str]]:
    """Row and column of each; a list has one column, without a tag."""
    taken: Counter[tuple[str, str]] = Counter()
    places = []
    for node in nodes:
        tags = (node.source, node.target) if is_grid else (node.source or node.target, "")
        places.append(((tags[0], taken[tags]), tags[1]))
        taken[tags] += 1
    return places
