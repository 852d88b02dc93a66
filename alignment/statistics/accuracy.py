"""Accuracy on held-out feedback: of a reward model, and of the baselines it has to beat.

Two steps: half-points say for each example whether it was answered right (2), wrong (0) or not at all (1, a
tie between the two answers), and `accuracy` averages them. The same half-points go into `paired.beats`.
Of a pair it is random which response is named first, so the majority baseline of pairs is 1/2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alignment.statistics.clustering import clustered_mean
from alignment.statistics.columns import (
    Bools,
    EmptyDataError,
    Ints,
    encode,
    read_flags,
    read_half_points,
    read_numbers,
    require_equal_sizes,
)
from alignment.statistics.intervals import WITHOUT_SPREAD

BY_EXAMPLE = "mean over examples; Wilson interval"
BY_PROMPT = "mean over examples; Wilson interval, clustered by prompt"


class Accuracy(NamedTuple):
    """The share of right answers, a tie counting half.

    variance: of the estimate; 0 where all prompts agree or there is only one (`method` says so).
    num_prompts: independent units; as many as examples where these have no prompt.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    variance: float
    num_prompts: int
    num_examples: int
    method: str


def accuracy(
    half_points: ArrayLike, prompts: ArrayLike | None = None, *, confidence: float = 0.95
) -> Accuracy:
    """Mean over examples (E,) with an interval clustered by prompt (E,); EmptyDataError without examples.

    prompts: key or number of each example's prompt. None for rated lines that answer no prompt: then every
    example stands for itself.
    """
    points = read_half_points(half_points)
    clusters = np.arange(points.size) if prompts is None else encode(prompts).codes
    require_equal_sizes(points, clusters)
    estimate = clustered_mean(points / 2, clusters)
    low, high = estimate.interval(confidence)
    method = BY_EXAMPLE if prompts is None else BY_PROMPT
    return Accuracy(
        estimate=estimate.mean,
        low=low,
        high=high,
        confidence=confidence,
        variance=estimate.variance,
        num_prompts=int(estimate.units),
        num_examples=points.size,
        method=method if estimate.shows_spread else method + WITHOUT_SPREAD,
    )


def pair_half_points(margins: ArrayLike) -> Ints:
    """margins (E,): reward of the chosen minus reward of the rejected response; exactly 0 is a tie.

    With lengths in characters in place of rewards this is the length baseline: the longer response wins.
    """
    return np.sign(read_numbers(margins, "Margins")).astype(np.int64) + 1


def rating_half_points(rewards: ArrayLike, labels: ArrayLike, *, threshold: float) -> Ints:
    """A reward (E,) above the threshold says good, below it bad; exactly on it is a tie.

    labels (E,): True is good. The threshold of a reward model trained on ratings is 0, where the probability
    of good is 1/2.
    """
    answers = np.sign(read_numbers(rewards, "Rewards") - threshold).astype(np.int64)
    return _agree(answers, read_flags(labels, answers.size))


def majority_half_points(labels: ArrayLike, *, training_share_good: float) -> Ints:
    """Answer with the majority of the training labels every time; a share of exactly 1/2 is a tie."""
    if not 0 <= training_share_good <= 1:
        raise ValueError("The share of good training labels lies between 0 and 1.")
    truth = read_flags(labels, 0)
    return _agree(np.full(truth.size, np.sign(training_share_good - 0.5), dtype=np.int64), truth)


class LengthRule(NamedTuple):
    """Answers by length alone: longer than `cut` characters is good (or bad, if not `longer_is_good`)."""

    cut: int
    longer_is_good: bool


def fit_length_rule(lengths: ArrayLike, labels: ArrayLike) -> LengthRule:
    """The rule that answers most training examples (E,) right, "always good" and "always bad" among them.

    lengths: characters. Of equally good rules "longer is good" goes first, then the smallest cut.
    """
    characters, truth = _read_lengths(lengths), read_flags(labels, 0)
    require_equal_sizes(characters, truth)
    distinct, codes = encode(characters)
    cuts = np.append(-1, distinct)  # -1 is below every length
    gains = np.bincount(codes, weights=np.where(truth, -1, 1))  # of counting one length more as short
    right = np.append(truth.sum(), truth.sum() + np.cumsum(gains))  # of "longer than the cut is good"
    longer, shorter = int(right.argmax()), int(right.argmin())
    if right[longer] >= truth.size - right[shorter]:
        return LengthRule(int(cuts[longer]), longer_is_good=True)
    return LengthRule(int(cuts[shorter]), longer_is_good=False)


def length_half_points(lengths: ArrayLike, labels: ArrayLike, rule: LengthRule) -> Ints:
    """What `rule` answers on ratings it was not fitted to. lengths (E,): characters; labels (E,)."""
    says_good = (_read_lengths(lengths) > rule.cut) == rule.longer_is_good
    return _agree(np.where(says_good, 1, -1), read_flags(labels, 0))


def _read_lengths(lengths: ArrayLike) -> Ints:
    characters = np.asarray(lengths)
    if characters.size == 0:
        raise EmptyDataError("Lengths are missing: there are no examples yet.")
    if characters.dtype.kind not in "iu" or characters.min() < 0:
        raise ValueError("Lengths are whole numbers of characters.")
    return characters.astype(np.int64)


def _agree(answers: Ints, truth: Bools) -> Ints:
    """answers (E,): 1 good, -1 bad, 0 neither. Returns half-points."""
    require_equal_sizes(answers, truth)
    return np.where(truth, answers, -answers) + 1
