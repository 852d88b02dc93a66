"""Does a reward model that is 80 % sure answer right in 80 % of cases?

Of ratings the probability of good is sigmoid(reward). Of pairs, where it is random which response is named
first, the model is sigmoid(|margin|) sure of its answer; `accuracy.pair_half_points` say if that was right.
Shapes: E examples, M bins that hold examples, P prompts, B resamples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special  # type: ignore[import-untyped]

from alignment.statistics.clustering import clustered_mean
from alignment.statistics.columns import (
    Codes,
    Floats,
    Ints,
    encode,
    read_half_points,
    read_numbers,
    require_equal_sizes,
)
from alignment.statistics.intervals import Interval
from alignment.statistics.resampling import NUM_RESAMPLES, percentiles, resampled_sums, sums_by

METHOD = "bins of equal width; bootstrap over prompts"


class Bin(NamedTuple):
    """Examples with a probability from `start` to `end`: what was said, and how often it was right.

    low, high: Wilson's interval of `share_right`, clustered by prompt.
    """

    start: float
    end: float
    mean_probability: float
    share_right: float
    low: float
    high: float
    num_examples: int


class Calibration(NamedTuple):
    """expected_error: mean over examples of |said - right| of their bins; 0 is perfect, 1 the worst.

    error_by_chance: what `expected_error` would be on average if every probability were true: few examples
    in a bin make it larger than 0. Where more than that is not certain, the interval begins at 0.
    brier: mean squared difference of probability and outcome.
    bins: those with examples, in rising order.
    """

    expected_error: float
    expected_error_interval: Interval
    error_by_chance: float
    brier: float
    brier_interval: Interval
    bins: list[Bin]
    confidence: float
    num_prompts: int
    num_examples: int
    method: str


def calibration(
    probabilities: ArrayLike,
    half_points: ArrayLike,
    prompts: ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    num_bins: int = 10,
    confidence: float = 0.95,
) -> Calibration:
    """Reliability of probabilities (E,) of being right, for half-points (E,): 2 right, 1 half, 0 wrong.

    prompts (E,): as for `accuracy`. The expected calibration error is that of Naeini et al. (2015). Both
    intervals draw prompts; that of the error is the wider of percentiles and their mirror image at the
    estimate, for resamples exceed it about as it exceeds the truth. ValueError for fewer than two prompts.
    """
    said, right = read_numbers(probabilities, "Probabilities"), read_half_points(half_points) / 2
    clusters = np.arange(said.size) if prompts is None else encode(prompts).codes
    require_equal_sizes(said, right, clusters)
    if said.min() < 0 or said.max() > 1:
        raise ValueError("Probabilities lie between 0 and 1.")
    if num_bins < 1:
        raise ValueError("There must be at least one bin.")
    places = _places(said, num_bins)
    member = np.eye(places.names.size)[places.codes]  # (E, M)
    rows = sums_by(clusters, _features(said - right, member))
    resampled = resampled_sums(rows, num_resamples=NUM_RESAMPLES, generator=generator)
    sums = rows.sum(axis=0, keepdims=True)
    error, brier = (float(values[0]) for values in _errors(sums))
    errors, briers = _errors(resampled)
    by_chance = _errors_by_chance(sums, resampled)
    return Calibration(
        expected_error=error,
        expected_error_interval=_error_interval(error, errors, by_chance, confidence),
        error_by_chance=float(by_chance.mean()),
        brier=brier,
        brier_interval=percentiles(briers, confidence),
        bins=_bins(said, right, clusters, num_bins, confidence),
        confidence=confidence,
        num_prompts=rows.shape[0],
        num_examples=said.size,
        method=METHOD,
    )


def temperature(logits: ArrayLike, half_points: ArrayLike) -> float:
    """The T for which sigmoid(logit / T) fits best (Guo et al. 2017); above 1, too sure.

    logits (E,): rewards or |margins|; half_points (E,) as for `calibration`. Fit it on other examples than
    those that are shown as calibrated by it. ValueError where the best is at an end: no answer is wrong
    (T = 0), or higher logits are not more often right (T is infinite).
    """
    values, right = read_numbers(logits, "Logits"), read_half_points(half_points) / 2
    require_equal_sizes(values, right)

    def gain(slope: float) -> float:
        """Derivative of the log-likelihood by the slope 1 / T, which falls throughout."""
        return float(values @ (right - special.expit(slope * values)))

    if gain(0.0) <= 0:
        raise ValueError("No temperature fits: higher logits are not more often right.")
    if values @ (right - (values > 0)) == 0:  # what `gain` tends to; below 0 with every wrong answer
        raise ValueError("No temperature fits: no answer is wrong.")
    steepest = 1.0
    while gain(steepest) > 0:
        steepest *= 2
    return 1 / float(optimize.brentq(gain, 0.0, steepest, xtol=1e-15))


def _errors(sums: Floats) -> tuple[Floats, Floats]:
    """Expected calibration error and Brier score (B,) from sums (B, 2 + M): examples, squares, gaps."""
    return np.abs(sums[:, 2:]).sum(axis=1) / sums[:, 0], sums[:, 1] / sums[:, 0]


def _errors_by_chance(sums: Floats, resampled: Floats) -> Floats:
    """Expected errors (B,) from nothing but the draw of prompts: gaps of resamples from those of the data."""
    errors: Floats = np.abs(resampled[:, 2:] - sums[:, 2:]).sum(axis=1) / resampled[:, 0]
    return errors


def _error_interval(error: float, errors: Floats, by_chance: Floats, confidence: float) -> Interval:
    """Both ways to read resampled errors (B,), and down to 0 where chance alone could give as much."""
    low, high = percentiles(errors, confidence)
    if error <= percentiles(by_chance, confidence).high:
        return Interval(0.0, max(high, 2 * error - low))
    return Interval(max(0.0, min(low, 2 * error - high)), max(high, 2 * error - low))


def _features(gaps: Floats, member: Floats) -> Floats:
    """What each example adds to the sums (E, 2 + M): one example, its squared gap, its gap in its bin."""
    return np.concatenate([np.ones((gaps.size, 1)), gaps[:, None] ** 2, gaps[:, None] * member], axis=1)


def _places(said: Floats, num_bins: int) -> Codes:
    """The bin of each example (E,); only those with examples are numbered. 1 belongs to the last."""
    return encode(np.minimum((said * num_bins).astype(np.int64), num_bins - 1))


def _bins(said: Floats, right: Floats, clusters: Ints, num_bins: int, confidence: float) -> list[Bin]:
    places, bins = _places(said, num_bins), []
    for code, place in enumerate(places.names.tolist()):
        here = places.codes == code
        share = clustered_mean(right[here], encode(clusters[here]).codes)
        bins.append(
            Bin(
                place / num_bins,
                (place + 1) / num_bins,
                float(said[here].mean()),
                share.mean,
                *share.interval(confidence),
                int(here.sum()),
            )
        )
    return bins
