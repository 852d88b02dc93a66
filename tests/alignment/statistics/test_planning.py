import numpy as np
import pytest

from alignment.statistics.planning import half_width_prompts


@pytest.mark.parametrize(("half_width", "prompts"), [(0.05, 385), (0.10, 97), (0.03, 1068)])
def test_the_usual_sizes(half_width, prompts):
    assert half_width_prompts(half_width) == prompts


def test_ties_need_fewer_prompts_and_a_design_effect_more():
    assert half_width_prompts(0.05, tie_share=0.5) == 193  # half of 384.1
    assert half_width_prompts(0.05, design_effect=2) == 769


def test_ties_take_a_quarter_of_their_share_from_the_variance():
    points = np.repeat([0, 1, 2], [3, 4, 3]) / 2

    planned = half_width_prompts(0.01, win_rate=points.mean(), tie_share=0.4)

    assert planned == pytest.approx(1.959964**2 * points.var() / 0.01**2, abs=1)


@pytest.mark.parametrize(
    "options",
    [
        {"half_width": 0},
        {"half_width": 0.1, "tie_share": 1.2},
        {"half_width": 0.1, "design_effect": 0},
        {"half_width": 0.1, "win_rate": 1},
        {"half_width": 0.1, "win_rate": 0.9, "tie_share": 0.5},
    ],
)
def test_plans_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="between 0 and 1|nothing would vary"):
        half_width_prompts(**options)
