"""Judgments and examples to compute from: drawn, simulated, and measured by a peer."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from statsmodels.regression.linear_model import WLS


class Judgments(NamedTuple):
    half_points: NDArray[np.int64]
    prompts: NDArray[np.int64]


@st.composite
def drawn(draw: st.DrawFn) -> Judgments:
    """Some dozens of judgments on a few prompts."""
    size = draw(st.integers(1, 40))
    half_points = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    prompts = draw(st.lists(st.integers(-3, 8), min_size=size, max_size=size))
    return Judgments(np.array(half_points), np.array(prompts))


def simulated(seed: int, *, size: int, num_prompts: int) -> Judgments:
    """Judgments whose prompts differ: what is likely on one prompt is not on the next."""
    random = np.random.default_rng(seed)
    prompts = random.integers(0, num_prompts, size)
    likely = random.random(num_prompts)[prompts]
    return Judgments(random.binomial(2, likely).astype(np.int64), prompts)


def peer_variance(values: ArrayLike, clusters: ArrayLike, weights: ArrayLike | float = 1.0) -> float:
    """Cluster-robust variance of a weighted mean as statsmodels computes it."""
    values = np.asarray(values, dtype=float)
    model = WLS(values, np.ones_like(values), weights=weights)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": np.asarray(clusters)})
    return float(fit.bse[0] ** 2)
