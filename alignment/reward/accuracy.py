"""How often a reward model agrees with held-out feedback, beside the baselines that it has to beat."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from alignment.data.preferences import Feedback, responses_of, unit_key
from alignment.progress import Progress, silent
from alignment.records import Json, Preference, Rating
from alignment.reward.card import RatingBaselines
from alignment.reward.examples import responses_in
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.model import RewardModel
from alignment.statistics.accuracy import (
    accuracy,
    length_half_points,
    majority_half_points,
    pair_half_points,
    rating_half_points,
)
from alignment.statistics.auc import auc
from alignment.statistics.paired import beats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
THRESHOLD = 0.0  # the logit at which good is as likely as bad


class Group(NamedTuple):
    """What one line of the report is about; feedback: pairs or ratings."""

    language: str
    dataset: str
    split: str
    feedback: str

    @classmethod
    def of(cls, one: Feedback) -> Self:
        kind = "pairs" if isinstance(one, Preference) else "ratings"
        return cls(one.prompt.language, one.prompt.dataset, one.prompt.split, kind)


class Answered(NamedTuple):
    """Examples of a group with the logits of their responses; chosen before rejected."""

    examples: list[Feedback]
    logits: list[float]


def accuracy_report(
    model: RewardModel,
    feedback: Sequence[Feedback],
    *,
    cache: FeatureCache | None = None,
    progress: Progress = silent,
) -> list[Json]:
    """One object per language, dataset, split and kind of feedback, ordered by these."""
    logits = iter(model.logits(responses_in(feedback), cache=cache, progress=progress).tolist())
    groups: dict[Group, Answered] = {}
    for one in feedback:
        answered = groups.setdefault(Group.of(one), Answered([], []))
        answered.examples.append(one)
        answered.logits.extend(next(logits) for _ in responses_of(one))
    return [_describe(group, groups[group], model) for group in sorted(groups)]


def _describe(group: Group, answered: Answered, model: RewardModel) -> Json:
    responses = responses_in(answered.examples)
    tokens = model.extractor.formatter.tokens([model.input(*one) for one in responses])
    lengths = np.array([len(text) for _, text in responses])
    logits = np.array(answered.logits)
    report = _pairs if group.feedback == "pairs" else _ratings
    return {
        **group._asdict(),
        "num_examples": len(answered.examples),
        "truncated": sum(one.truncated for one in tokens),
        "length_correlation": _correlation(logits, lengths),
        **report(answered.examples, logits, lengths, model),
    }


def _pairs(examples: Sequence[Feedback], logits: Floats, lengths: Ints, model: RewardModel) -> Json:
    keys = _keys(examples)
    points = pair_half_points(logits[0::2] - logits[1::2])
    longer = pair_half_points(lengths[0::2] - lengths[1::2])
    return {
        "accuracy": accuracy(points, keys)._asdict(),
        "num_ties": int((points == 1).sum()),
        "baselines": {"longer_wins": _baseline(points, longer, keys)},
    }


def _ratings(examples: Sequence[Feedback], logits: Floats, lengths: Ints, model: RewardModel) -> Json:
    labels = np.array([one.good for one in examples if isinstance(one, Rating)])
    keys = _keys(examples)
    report: Json = {"share_good": float(labels.mean()), "accuracy": None, "auc": None, "baselines": {}}
    if labels.any() and not labels.all():
        report["auc"] = auc(logits, labels, keys)._asdict()
        report["baselines"]["longer_is_good_auc"] = auc(lengths, labels, keys)._asdict()
    training = model.card.rating_baselines
    if training:
        points = rating_half_points(logits, labels, threshold=THRESHOLD)
        report |= {"threshold": THRESHOLD, "accuracy": accuracy(points, keys)._asdict()}
        report["baselines"] |= {
            name: _baseline(points, answers, keys)
            for name, answers in _rating_baselines(training, lengths, labels).items()
        }
    return report


def _rating_baselines(training: RatingBaselines, lengths: Ints, labels: NDArray[np.bool_]) -> dict[str, Ints]:
    """Half-points of answers without a model.

    training_majority: the commoner label of the training ratings; own_majority: of the very ratings asked
    about, which nobody could know beforehand; training_length: the best rule by length on the training
    ratings.
    """
    return {
        "training_majority": majority_half_points(labels, training_share_good=training.good_share),
        "own_majority": majority_half_points(labels, training_share_good=float(labels.mean())),
        "training_length": length_half_points(lengths, labels, training.length_rule),
    }


def _baseline(points: Ints, baseline: Ints, keys: list[str] | None) -> Json:
    """A baseline's accuracy, and the reward model's advantage over it."""
    return {
        "accuracy": accuracy(baseline, keys)._asdict(),
        "advantage": beats(points, baseline, keys)._asdict(),
    }


def _keys(examples: Sequence[Feedback]) -> list[str] | None:
    """What the examples are clustered by; None where none of them answers a prompt."""
    return [unit_key(one) for one in examples] if any(one.prompt.text for one in examples) else None


def _correlation(logits: Floats, lengths: Ints) -> float | None:
    """Pearson's, of logits with characters; None where either never changes."""
    if np.ptp(logits) == 0 or np.ptp(lengths) == 0:
        return None
    return float(np.corrcoef(logits, lengths)[0, 1])
