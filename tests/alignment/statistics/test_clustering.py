import numpy as np
import pytest
from hypothesis import given

from alignment.statistics.clustering import clustered_mean
from alignment.statistics.columns import encode
from tests.alignment.statistics.judgments import drawn, peer_variance, simulated


def test_the_clustered_variance_of_a_mean_is_that_of_statsmodels():
    half_points, prompts = simulated(0, size=400, num_prompts=50)

    estimate = clustered_mean(half_points / 2, prompts)

    assert estimate.mean == pytest.approx(np.mean(half_points) / 2)
    assert estimate.variance == pytest.approx(peer_variance(half_points / 2, prompts))
    assert (estimate.units, estimate.df) == (50, 49)


@given(drawn())
def test_without_repeats_it_is_the_variance_of_a_plain_mean(judgments):
    values = judgments.half_points / 2

    estimate = clustered_mean(values, np.arange(values.size))

    assert estimate.variance == pytest.approx(np.var(values, ddof=1) / values.size if values.size > 1 else 0)


@given(drawn())
def test_repeating_values_in_their_clusters_leaves_the_variance(judgments):
    values, clusters = judgments.half_points / 2, encode(judgments.prompts).codes

    once, twice = (clustered_mean(np.tile(values, k), np.tile(clusters, k)) for k in (1, 2))

    assert twice == pytest.approx(once)


def test_clusters_that_agree_on_a_third_have_a_variance_of_exactly_0():
    assert clustered_mean(np.array([1, 0, 0, 0, 1, 0]), np.array([0, 0, 0, 1, 1, 1])).variance == 0
