"""Fit a head on the features of a backbone that stays as it is: the method for a CPU.

E examples, H features.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment.data.preferences import unit_key
from alignment.errors import AlignmentError
from alignment.progress import Progress, Step, silent
from alignment.randomness import derive_seed
from alignment.reward.examples import Examples, TrainingData, responses_in
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.features import FeatureExtractor
from alignment.reward.heads import Fitted, Floats, Scale, fit, mean_loss

STRENGTHS = tuple(float(10**exponent) for exponent in np.arange(1.0, -5.5, -0.5))
NUM_FOLDS = 5


class Featured(NamedTuple):
    """The features of examples; chosen and rejected (P, H), rated (R, H)."""

    chosen: NDArray[np.float32]
    rejected: NDArray[np.float32]
    rated: NDArray[np.float32]
    good: NDArray[np.bool_]

    def rows(self, scale: Scale) -> Floats:
        """What the solver takes, pairs before ratings. Returns (E, H + 1)."""
        pairs = scale.pair_rows(self.chosen, self.rejected)
        return np.concatenate([pairs, scale.rating_rows(self.rated, self.good)])


def fit_frozen(
    data: TrainingData,
    extractor: FeatureExtractor,
    seed: int,
    *,
    cache: FeatureCache,
    progress: Progress = silent,
) -> Fitted:
    """Fit by L-BFGS in float64.

    The strength of the L2 penalty is the one with the least loss on the validation examples, or where there
    are none by cross-validation over prompts in folds drawn from the seed.
    """
    train, validation = _features(data, extractor, cache, progress)
    scale = Scale.of(np.concatenate([train.chosen, train.rejected, train.rated]))
    rows = train.rows(scale)
    if data.validation.all:
        splits = [(rows, validation.rows(scale))]
    else:
        splits = _folds(rows, [unit_key(one) for one in data.train.all], seed)
    losses = _held_out_losses(splits, progress)
    strength = min(losses, key=losses.__getitem__)
    solution = fit(rows, strength, np.zeros(rows.shape[1]))
    metrics = {"strength": strength, "held_out_loss": losses[strength], "loss": mean_loss(rows, solution)}
    metrics["accuracy"] = accuracy(rows, solution)
    if data.validation.all:
        metrics["validation_accuracy"] = accuracy(splits[0][1], solution)
    head = scale.head(solution)
    measured = [extractor.formatter.input(*one) for one in data.yardstick]
    return Fitted(head, metrics, head.logits(extractor.features(measured, cache=cache)))


def accuracy(rows: Floats, solution: Floats) -> float:
    """Share of rows (E, H + 1) on the right side; a tie counts half."""
    return float(np.mean(np.sign(rows @ solution) + 1.0) / 2.0)


def _features(
    data: TrainingData, extractor: FeatureExtractor, cache: FeatureCache, progress: Progress
) -> list[Featured]:
    """Of both splits, computed together so that a text in both is computed once."""
    parts = [data.train, data.validation]
    inputs = [[extractor.formatter.input(*one) for one in responses_in(part.all)] for part in parts]
    vectors = extractor.features([*inputs[0], *inputs[1]], cache=cache, progress=progress)
    return [
        _featured(part, own) for part, own in zip(parts, np.split(vectors, [len(inputs[0])]), strict=True)
    ]


def _featured(examples: Examples, vectors: NDArray[np.float32]) -> Featured:
    paired, rated = np.split(vectors, [2 * len(examples.pairs)])
    good = np.array([one.good for one in examples.ratings], dtype=bool)
    return Featured(paired[0::2], paired[1::2], rated, good)


def _folds(rows: Floats, keys: list[str], seed: int) -> list[tuple[Floats, Floats]]:
    """(training rows, held-out rows) of each fold; what has the same key stays together."""
    units = sorted(set(keys), key=lambda key: derive_seed(seed, "folds", key))
    if len(units) < 2:
        raise AlignmentError("All examples answer one prompt; give examples of at least two.")
    num_folds = min(NUM_FOLDS, len(units))
    fold_of = {key: place % num_folds for place, key in enumerate(units)}
    folds = np.array([fold_of[key] for key in keys])
    return [(rows[folds != fold], rows[folds == fold]) for fold in range(num_folds)]


def _held_out_losses(splits: list[tuple[Floats, Floats]], progress: Progress) -> dict[float, float]:
    """Mean held-out loss of each strength; each fit starts from the one before."""
    num_held_out = sum(len(held_out) for _, held_out in splits)
    solutions = [np.zeros(rows.shape[1]) for rows, _ in splits]
    losses: dict[float, float] = {}
    for done, strength in enumerate(STRENGTHS, start=1):
        solutions = [fit(rows, strength, start) for (rows, _), start in zip(splits, solutions, strict=True)]
        totals = [
            mean_loss(held_out, solution) * len(held_out)
            for (_, held_out), solution in zip(splits, solutions, strict=True)
        ]
        losses[strength] = sum(totals) / num_held_out
        metrics = {"strength": strength, "held_out_loss": losses[strength]}
        progress(Step(done=done, total=len(STRENGTHS), unit="strengths", metrics=metrics))
    return losses
