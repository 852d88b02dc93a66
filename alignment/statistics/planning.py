"""How many prompts a study needs before anyone judges."""

import math

from alignment.statistics.intervals import quantile


def half_width_prompts(
    half_width: float,
    *,
    win_rate: float = 0.5,
    tie_share: float = 0.0,
    design_effect: float = 1.0,
    confidence: float = 0.95,
) -> int:
    """Prompts so that the interval reaches `half_width` to both sides, such as 0.05 for five points.

    n = z**2 (p(1 - p) - t/4) d / h**2: ties move the points of a judgment to the middle, which takes t/4
    from their variance. d is the variance against one judgment on each prompt: below 1 with several votes.
    """
    variance = win_rate * (1 - win_rate) - tie_share / 4
    if not (0 < half_width < 1 and 0 <= tie_share <= 1 and design_effect > 0):
        raise ValueError("A half-width and a share of ties lie between 0 and 1, a design effect above 0.")
    if not variance > 0:
        raise ValueError("So many ties do not go with such a win rate: nothing would vary.")
    return math.ceil(quantile(confidence) ** 2 * variance * design_effect / half_width**2)
