"""The graph of an experiment's runs, laid out for a drawing: blocks in layers by depth, joined by lines.

One line stands for all edges between two blocks, and one that a longer way implies is left out: six sources
and six targets are four or five blocks with as many lines, not a hundred boxes with two hundred.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from annotate.services.blocks import Block, Node, block_of

BETWEEN_LAYERS = 40
BETWEEN_BLOCKS = 20
LANE = 16  # the room of a line that passes a layer
MARGIN = 2  # so that no outline is cut


class Key(NamedTuple):
    """What runs of one block share. A kind that appears at two depths makes two blocks."""

    depth: int
    kind: str


class Lane(NamedTuple):
    """The way of a line through a layer in which it does not end."""

    depth: int
    line: tuple[Key, Key]


class Graph(NamedTuple):
    """A whole drawing and its size; lines are SVG paths, from left to right."""

    width: float
    height: float
    blocks: tuple[Block, ...]
    lines: tuple[str, ...]


Edge = tuple[Key, Key]
Stop = Key | Lane


def lay_out(nodes: Sequence[Node], title: Callable[[str], str] = str) -> Graph:
    """Find a place for every run. title: what stands above the runs of a kind.

    Parents that are not among the nodes are passed over.
    """
    keys = _keys(nodes)
    edges = _without_implied(
        {(keys[parent], keys[node.pk]) for node in nodes for parent in _parents(node, keys)}
    )
    blocks = {
        key: block_of([node for node in nodes if keys[node.pk] == key], title(key.kind))
        for key in dict.fromkeys(keys.values())
    }
    placed = _place(_layers(blocks, edges), blocks)
    lines = tuple(_path(_stops(edge), placed) for edge in sorted(edges))
    return Graph(placed.width, placed.height, tuple(placed.blocks.values()), lines)


def _parents(node: Node, known: Mapping[int, Key]) -> list[int]:
    return [parent for parent in node.parents if parent in known]


def _keys(nodes: Sequence[Node]) -> dict[int, Key]:
    """Kind and depth of each run; the depth is the length of the longest way to it."""
    by_pk = {node.pk: node for node in nodes}
    order = TopologicalSorter({node.pk: [pk for pk in node.parents if pk in by_pk] for node in nodes})
    depths: dict[int, int] = {}
    for pk in order.static_order():
        depths[pk] = max((depths[parent] + 1 for parent in by_pk[pk].parents if parent in by_pk), default=0)
    return {node.pk: Key(depths[node.pk], node.kind) for node in nodes}


def _without_implied(edges: set[Edge]) -> set[Edge]:
    """The edges that no longer way replaces."""
    following: dict[Key, set[Key]] = defaultdict(set)
    for start, end in edges:
        following[start].add(end)

    def reaches(start: Key, end: Key) -> bool:
        return start == end or any(reaches(step, end) for step in following[start])

    return {
        (start, end)
        for start, end in edges
        if not any(reaches(step, end) for step in following[start] - {end})
    }


def _stops(edge: Edge) -> list[Stop]:
    """Where a line comes by: its ends, and a lane in each layer between them."""
    start, end = edge
    return [start, *(Lane(depth, edge) for depth in range(start.depth + 1, end.depth)), end]


def _layers(blocks: Mapping[Key, Block], edges: set[Edge]) -> list[list[Stop]]:
    """What stands in each layer, from top to bottom: near what leads to it, so that few lines cross."""
    layers: dict[int, list[Stop]] = defaultdict(list)
    before: dict[Stop, list[Stop]] = defaultdict(list)
    for key in blocks:
        layers[key.depth].append(key)
    for edge in sorted(edges):
        for start, end in pairwise(_stops(edge)):
            before[end].append(start)
            if isinstance(end, Lane):
                layers[end.depth].append(end)
    height: dict[Stop, float] = {}
    for depth in sorted(layers):
        stops = layers[depth]
        if depth:
            stops.sort(key=lambda stop: _mean([height[start] for start in before[stop]]))
        height |= {stop: (at + 1) / (len(stops) + 1) for at, stop in enumerate(stops)}
    return [layers[depth] for depth in sorted(layers)]


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


class _Placed(NamedTuple):
    blocks: dict[Key, Block]
    lanes: dict[Lane, tuple[float, float, float]]
    width: float
    height: float


def _place(layers: Sequence[Sequence[Stop]], blocks: Mapping[Key, Block]) -> _Placed:
    """Layers from left to right, each in the middle of the height of the tallest."""
    tall = max((_height(layer, blocks) for layer in layers), default=0)
    placed: dict[Key, Block] = {}
    lanes: dict[Lane, tuple[float, float, float]] = {}
    x: float = MARGIN
    for layer in layers:
        wide = max(blocks[stop].width for stop in layer if isinstance(stop, Key))
        y = MARGIN + (tall - _height(layer, blocks)) / 2
        for stop in layer:
            if isinstance(stop, Key):
                placed[stop] = blocks[stop].moved(x, y)
            else:
                lanes[stop] = (x, x + wide, y + LANE / 2)
            y += _tall(stop, blocks) + BETWEEN_BLOCKS
        x += wide + BETWEEN_LAYERS
    return _Placed(placed, lanes, max(x - BETWEEN_LAYERS, 0) + MARGIN, tall + 2 * MARGIN)


def _tall(stop: Stop, blocks: Mapping[Key, Block]) -> float:
    return blocks[stop].height if isinstance(stop, Key) else LANE


def _height(layer: Sequence[Stop], blocks: Mapping[Key, Block]) -> float:
    return sum(_tall(stop, blocks) for stop in layer) + BETWEEN_BLOCKS * (len(layer) - 1)


def _path(stops: Sequence[Stop], placed: _Placed) -> str:
    """From the right side of a block to the left side of another, through its lanes."""
    parts: list[str] = []
    for start, end in pairwise(stops):
        x, y = _side(start, placed, is_right=True)
        to_x, to_y = _side(end, placed, is_right=False)
        half = (x + to_x) / 2
        parts.append(
            f"{'M' if not parts else 'L'}{x:g} {y:g}C{half:g} {y:g} {half:g} {to_y:g} {to_x:g} {to_y:g}"
        )
    return "".join(parts)


def _side(stop: Stop, placed: _Placed, *, is_right: bool) -> tuple[float, float]:
    if isinstance(stop, Lane):
        left, right, y = placed.lanes[stop]
        return (right if is_right else left), y
    block = placed.blocks[stop]
    return block.x + (block.width if is_right else 0), block.middle
