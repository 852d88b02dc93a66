"""Means of answers that come in clusters, such as judgments of the same prompt, with robust variances.

Shapes: J answers, K clusters, C cells. Clusters, groups and cells are codes from 0 (see `columns.encode`).
Values are multiples of 1/2, so that sums are exact: clusters that agree have a variance of exactly 0.
"""

from typing import NamedTuple

import numpy as np

from alignment.statistics.columns import Bools, Floats, Ints, encode
from alignment.statistics.intervals import Estimate

_ROUNDING = 1e-24  # variances of means below this are rounding: one half-point in a million weighs 1e-13


class GroupMeans(NamedTuple):
    """The mean of group means in each cell. All arrays (C,); num_groups is 0 in a cell without values."""

    mean: Floats
    variance: Floats
    num_groups: Ints

    def estimate(self, cell: int) -> Estimate:
        groups = int(self.num_groups[cell])
        return Estimate(float(self.mean[cell]), float(self.variance[cell]), groups, groups - 1)


def mean_of_group_means(means: Floats, cells: Ints, num_cells: int) -> GroupMeans:
    """Average the group means (K,) within each cell (K,).

    The variance is that of the group means over their number: the cluster-robust variance of a mean in
    which every group has the same weight (Liang & Zeger 1986, with the factor K / (K - 1)).
    """
    anchor = np.zeros(num_cells)
    anchor[cells] = means  # any one mean of the cell: differences from it are exactly 0 where all agree
    deviations = means - anchor[cells]
    num_groups = np.bincount(cells, minlength=num_cells)
    divisor = np.maximum(num_groups, 1)
    shift = np.bincount(cells, weights=deviations, minlength=num_cells) / divisor
    squares = np.bincount(cells, weights=(deviations - shift[cells]) ** 2, minlength=num_cells)
    return GroupMeans(anchor + shift, squares / (np.maximum(num_groups - 1, 1) * divisor), num_groups)


def clustered_mean(values: Floats, clusters: Ints) -> Estimate:
    """Mean of all values (J,) with the cluster-robust variance (Liang & Zeger 1986, factor K / (K - 1))."""
    sums, sizes = np.bincount(clusters, weights=values), np.bincount(clusters)
    total, num_values = float(values.sum()), values.size
    residuals = sums * num_values - sizes * total  # (K,), times num_values so that they stay exact
    variance = _cluster_factor(sizes.size) * float(residuals @ residuals) / num_values**4
    return Estimate(total / num_values, variance, sizes.size, sizes.size - 1)


def two_way_mean_of_group_means(
    values: Floats, groups: Ints, annotators: Ints, has_annotator: Bools
) -> Estimate:
    """`mean_of_group_means` of one cell, its variance clustered by group and by annotator.

    Two-way variance of Cameron, Gelbach & Miller (2011): by group + by annotator - by both. It can come
    out below one of its parts, even negative, so the largest of the three is taken. Values without an
    annotator count in their group only.
    """
    sizes = np.bincount(groups)
    means = np.bincount(groups, weights=values) / sizes
    mean = mean_of_group_means(means, np.zeros_like(sizes), num_cells=1).estimate(0).mean
    weights = 1 / (sizes[groups] * sizes.size)
    residuals = weights * (values - mean)
    by_group = _clustered_square(residuals, groups)
    people, residuals = encode(annotators[has_annotator]), residuals[has_annotator]
    by_annotator = _clustered_square(residuals, people.codes)
    both = encode(groups[has_annotator] * people.names.size + people.codes)
    by_both = _clustered_square(residuals, both.codes)
    variance = max(by_group, by_annotator, by_group + by_annotator - by_both)
    units = min(sizes.size, people.names.size)
    return Estimate(mean, variance if variance > _ROUNDING else 0.0, units, units - 1)


def _clustered_square(residuals: Floats, clusters: Ints) -> float:
    sums = np.bincount(clusters, weights=residuals)
    return _cluster_factor(sums.size) * float(sums @ sums)


def _cluster_factor(num_clusters: int) -> float:
    """Correction for few clusters; 0 for a single one, which says nothing about others."""
    return num_clusters / (num_clusters - 1) if num_clusters > 1 else 0.0
