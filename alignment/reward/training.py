"""Train a reward model from feedback and put it, checked and whole, where it belongs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alignment.data.preferences import Feedback, feedback_digest
from alignment.digests import text_digest
from alignment.errors import AlignmentError
from alignment.policy.checkpoints import Checkpoint
from alignment.progress import Progress, silent
from alignment.reward.card import RewardModelCard
from alignment.reward.examples import TrainingData, rating_baselines, responses_in, training_data
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.features import FeatureExtractor
from alignment.reward.formatting import Layout
from alignment.reward.frozen import fit_frozen
from alignment.reward.heads import Fitted
from alignment.reward.invariance import check_invariance
from alignment.reward.model import BACKBONE, RewardModel, load_extractor, save_head
from alignment.reward.settings import Method, RewardSettings
from alignment.tasks import task_named
from alignment.training.attempts import memory_notes
from alignment.training.lineage import code_versions
from alignment.training.workshop import Workshop, link_files, open_workshop

NUM_PROBES = 16


class Order(NamedTuple):
    """What to train, on what, and from which backbone."""

    settings: RewardSettings
    feedback: Sequence[Feedback]
    backbone: Checkpoint

    @property
    def identity(self) -> str:
        """Names the order: equal orders make equal reward models."""
        settings = json.dumps(asdict(self.settings), sort_keys=True)
        return text_digest(settings, feedback_digest(self.feedback), self.backbone.digest)


def train(order: Order, output: Path, *, cache: Path, progress: Progress = silent) -> RewardModelCard:
    """Train a reward model into the directory `output`; the same order given again goes on where it stopped.

    cache: directory of backbone features. Raises AlignmentError when the data cannot be learned from, when
    `output` holds something else, or when the reward model does not pass `check_invariance`.
    """
    if output.exists():
        return _finished(order, output)
    workshop = open_workshop(output, order.identity)
    extractor = load_extractor(order.backbone.directory, _layout(order.settings))
    data = training_data(order.feedback, extractor.formatter, order.settings)
    fitted = _fit(order, data, extractor, workshop, cache, progress)
    card = replace(_card(order, data, extractor, fitted), notes=memory_notes(workshop))
    save_head(fitted.head, workshop.model)
    card.write(workshop.model)
    check_invariance(
        RewardModel.load(workshop.model), data.yardstick[:NUM_PROBES], fitted.logits[:NUM_PROBES]
    )
    workshop.deliver(output)
    return card


def _finished(order: Order, output: Path) -> RewardModelCard:
    card = RewardModelCard.read(output)
    if card.identity != order.identity:
        raise AlignmentError(
            f"{output} already holds a reward model trained otherwise; choose another place."
        )
    return card


def _layout(settings: RewardSettings) -> Layout:
    task = task_named(settings.task)
    return Layout(delimiter=task.delimiter, cuts_end=bool(task.instruction), max_tokens=settings.max_tokens)


def _fit(
    order: Order,
    data: TrainingData,
    extractor: FeatureExtractor,
    workshop: Workshop,
    cache: Path,
    progress: Progress,
) -> Fitted:
    """Train by the method, and leave the backbone in the workshop."""
    source = order.backbone.directory
    if order.settings.method is not Method.FROZEN:
        from alignment.reward.fine_tuning import fine_tune  # TRL takes seconds to import

        return fine_tune(data, extractor, order.settings, source, workshop, progress=progress)
    link_files(source, workshop.model / BACKBONE)
    features = FeatureCache(cache, order.backbone.digest, extractor.num_features)
    return fit_frozen(data, extractor, order.settings.seed, cache=features, progress=progress)


def _card(order: Order, data: TrainingData, extractor: FeatureExtractor, fitted: Fitted) -> RewardModelCard:
    mean, deviation = float(fitted.logits.mean()), float(fitted.logits.std())
    if not deviation > 0:
        raise AlignmentError("All responses got the same reward; give more examples, or other ones.")
    return RewardModelCard(
        identity=order.identity,
        task=order.settings.task,
        feedback=data.feedback,
        layout=extractor.formatter.layout,
        settings=asdict(order.settings),
        data_digest=feedback_digest(order.feedback),
        backbone={
            name: str(value) for name, value in order.backbone._asdict().items() if name != "directory"
        },
        code=code_versions(),
        counts=data.counts,
        mean_characters=float(np.mean([len(text) for _, text in responses_in(data.train.all)])),
        rating_baselines=rating_baselines(data.train),
        metrics=fitted.metrics,
        measured_on=data.measured_on,
        mean=mean,
        deviation=deviation,
    )
