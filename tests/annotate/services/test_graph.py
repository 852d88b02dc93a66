"""The layout of the graph: what folds, what stands where, and that nothing lies on anything else."""

import re
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.services.blocks import Block, Node
from annotate.services.graph import lay_out


def planned(num_sources: int, num_targets: int, *, sft: bool = False) -> list[Node]:
    """The runs of an experiment as the planner makes them."""
    nodes: list[Node] = []

    def add(kind: str, source: str = "", target: str = "", *parents: Node) -> Node:
        pks = tuple(parent.pk for parent in parents)
        nodes.append(Node(pk=len(nodes) + 1, kind=kind, source=source, target=target, parents=pks))
        return nodes[-1]

    sources, targets = (
        [f"{side}{n}" for n in range(count)] for side, count in (("s", num_sources), ("t", num_targets))
    )
    reward_models = {tag: add("reward_model", tag) for tag in sources}
    policies = {tag: add("sft", "", tag) for tag in targets} if sft else {}
    pools = {tag: add("sample", "", tag, *filter(None, [policies.get(tag)])) for tag in targets}
    for tag in sources:
        add("accuracy", tag, "", reward_models[tag])
    for source, target in product(sources, targets):
        rewards = add("score", source, target, reward_models[source], pools[target])
        add("best_of_n", source, target, pools[target], rewards)
    return nodes


def blocks_of(nodes: list[Node]) -> dict[str, Block]:
    return {block.kind: block for block in lay_out(nodes).blocks}


def overlap(one, other) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def ends(line: str) -> tuple[tuple[float, float], tuple[float, float]]:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", line)]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def test_thirty_six_pairs_are_four_blocks_and_four_lines():
    graph = lay_out(planned(6, 6))

    assert sorted(block.kind for block in graph.blocks) == [
        "accuracy", "best_of_n", "reward_model", "sample", "score",
    ]  # fmt: skip
    assert (
        len(graph.lines) == 4
    )  # reward model to accuracy and rewards, pool to rewards, rewards to best-of-n


def test_six_sources_and_targets_fit_the_page_without_scrolling():
    graph = lay_out(planned(6, 6, sft=True), title=lambda kind: kind.ljust(len("Response pool")))

    assert graph.width <= 1118  # the page less its gutters and the frame
    assert graph.height < 700


def test_layers_follow_the_depth_from_left_to_right():
    blocks = blocks_of(planned(2, 3, sft=True))

    assert blocks["reward_model"].x == blocks["sft"].x
    assert blocks["sft"].x < blocks["sample"].x < blocks["score"].x < blocks["best_of_n"].x
    assert blocks["accuracy"].x == blocks["sample"].x


def test_a_grid_has_a_row_for_each_source_and_a_column_for_each_target():
    score = blocks_of(planned(2, 3))["score"]

    assert len({cell.x for cell in score.cells}) == 3
    assert len({cell.y for cell in score.cells}) == 2
    assert [label.text for label in score.labels] == ["s0", "s1", "t0", "t1", "t2"]


def test_a_list_stands_in_one_column():
    pools = blocks_of(planned(2, 3))["sample"]

    assert len({cell.x for cell in pools.cells}) == 1
    assert [label.text for label in pools.labels] == ["t0", "t1", "t2"]


def test_two_runs_of_one_source_and_target_stand_one_below_the_other():
    (block,) = lay_out([Node(pk=pk, kind="score", source="en", target="es") for pk in (1, 2)]).blocks

    one, other = block.cells
    assert (one.x, one.y < other.y) == (other.x, True)


def test_a_kind_at_two_depths_makes_two_blocks():
    first = Node(pk=1, kind="sft", target="es")
    second = Node(pk=2, kind="sft", target="es", parents=(1,))

    assert [block.kind for block in lay_out([second, first]).blocks] == ["sft", "sft"]


def test_a_parent_of_another_experiment_is_passed_over():
    graph = lay_out([Node(pk=1, kind="score", parents=(99,))])

    assert graph.lines == ()


def test_a_line_passes_a_layer_beside_its_blocks():
    graph = lay_out(planned(3, 3, sft=True))
    blocks = {block.kind: block for block in graph.blocks}
    start = (blocks["reward_model"].x + blocks["reward_model"].width, blocks["reward_model"].middle)
    (line,) = [
        line for line in graph.lines if ends(line) == (start, (blocks["score"].x, blocks["score"].middle))
    ]

    _, (_, y) = ends(line[: line.index("L")])
    assert not any(block.y < y < block.y + block.height for block in (blocks["accuracy"], blocks["sample"]))


@pytest.mark.parametrize("nodes", [[], [Node(pk=1, kind="analyse")]], ids=["none", "one"])
def test_the_smallest_graphs_can_be_drawn(nodes):
    assert len(lay_out(nodes).blocks) == len(nodes)


@given(st.integers(1, 7), st.integers(1, 7), st.booleans())
def test_nothing_lies_on_anything_else_or_outside(num_sources, num_targets, sft):
    nodes = planned(num_sources, num_targets, sft=sft)

    graph = lay_out(nodes)

    assert sorted(cell.pk for block in graph.blocks for cell in block.cells) == [node.pk for node in nodes]
    assert not any(overlap(*pair) for pair in combinations(graph.blocks, 2))
    for block in graph.blocks:
        assert not any(overlap(*pair) for pair in combinations(block.cells, 2))
        assert block.x >= 0 and block.x + block.width <= graph.width
        assert block.y >= 0 and block.y + block.height <= graph.height
        for cell in block.cells:
            assert block.x < cell.x and cell.x + cell.width < block.x + block.width
            assert block.y < cell.y and cell.y + cell.height < block.y + block.height
