"""Train backbone and head together: all weights, or low-rank adapters that are merged in the end."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel, TaskType
from scipy.special import log_expit  # type: ignore[import-untyped]
from torch import nn
from transformers import set_seed

from alignment.errors import AlignmentError
from alignment.memory import Batch
from alignment.packages.origin import read_origin, write_origin
from alignment.progress import Progress, silent
from alignment.reward.examples import TrainingData
from alignment.reward.features import FeatureExtractor
from alignment.reward.formatting import Formatter, Response
from alignment.reward.heads import Fitted, Floats, Head
from alignment.reward.model import BACKBONE, load_extractor
from alignment.reward.network import RewardNetwork
from alignment.reward.settings import Method, RewardSettings
from alignment.reward.trainers import Training, pad_ids, trainer_for
from alignment.training.adapters import with_adapters
from alignment.training.arguments import without_dropout
from alignment.training.attempts import train_within_memory
from alignment.training.checkpointing import ProgressCallback, go_on
from alignment.training.processes import whole_network
from alignment.training.workshop import Workshop

BATCH_SIZE = 8
LAST_STEPS = 50


def fine_tune(
    data: TrainingData,
    extractor: FeatureExtractor,
    settings: RewardSettings,
    source: Path,
    workshop: Workshop,
    *,
    progress: Progress = silent,
) -> Fitted:
    """Train from the newest whole checkpoint of the workshop, or from the start; leave the backbone there.

    The extractor's backbone is trained in place. What `progress` raises is raised again once a checkpoint
    has been saved; a training taken up again ends with the same weights as one that was never stopped.
    """
    if data.feedback == "both":
        raise AlignmentError("lora and full learn from pairs or from ratings; give one kind, or use frozen.")
    callback = ProgressCallback(progress)
    loaded = [extractor]

    def attempt(batch: Batch) -> Fitted:
        own = loaded.pop() if loaded else _loaded_again(extractor, source)
        training = Training(
            network=_network(own, settings),
            formatter=own.formatter,
            settings=settings,
            batch=batch,
            checkpoints=workshop.checkpoints,
            callback=callback,
        )
        return _train(training, data, source, workshop.model / BACKBONE)

    return train_within_memory(workshop, settings.fine_tuning.batch_size, attempt, callback.say)


def network_logits(
    network: nn.Module, formatter: Formatter, responses: Sequence[Response], batch_size: int = BATCH_SIZE
) -> Floats:
    """Logits as in training: batches in the given order, padded to the longest. Returns (N,)."""
    ids = [one.ids for one in formatter.tokens([formatter.input(*one) for one in responses])]
    device = next(network.parameters()).device
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(ids), batch_size):
            batch = {name: rows.to(device) for name, rows in pad_ids(ids[start : start + batch_size]).items()}
            parts.append(network(**batch).logits.squeeze(-1).cpu().numpy())
    return np.concatenate(parts).astype(np.float64)


def _loaded_again(extractor: FeatureExtractor, source: Path) -> FeatureExtractor:
    """The extractor as it was, in memory of its own; the trained one has none any more, whoever holds it."""
    trained: nn.Module = extractor.backbone
    trained.to("meta")
    return load_extractor(source, extractor.formatter.layout)


def _train(training: Training, data: TrainingData, source: Path, place: Path) -> Fitted:
    trainer = trainer_for(training, data.train)
    go_on(trainer, training.checkpoints, training.callback)
    layout, settings = training.formatter.layout, training.settings
    network = whole_network(
        trainer, training.network, lambda: _network(load_extractor(source, layout), settings)
    )
    batch_size = min(BATCH_SIZE, training.batch.per_device)
    logits = network_logits(network, training.formatter, data.yardstick, batch_size)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    metrics = {"loss": float(np.mean(losses[-LAST_STEPS:])), **_agreement(data, logits)}
    return Fitted(_finish(network, training.formatter, source, place), metrics, logits)


def _network(extractor: FeatureExtractor, settings: RewardSettings) -> RewardNetwork | PeftModel:
    """With a head drawn from the seed."""
    set_seed(settings.seed % 2**32)
    network = RewardNetwork(extractor.backbone, extractor.pooling)
    without_dropout(network)
    if settings.method is Method.FULL:
        return network
    return with_adapters(network, TaskType.SEQ_CLS, settings.fine_tuning.lora_rank, also=("score",))


def _agreement(data: TrainingData, logits: Floats) -> dict[str, float]:
    """Loss and accuracy on the measured examples, a tie counting half."""
    split = np.split(logits, [2 * len(data.measured.pairs)])
    signs = np.array([1.0 if one.good else -1.0 for one in data.measured.ratings])
    margins = np.concatenate([split[0][0::2] - split[0][1::2], split[1] * signs])
    prefix = "validation" if data.measured_on == "validation" else "train"
    return {
        f"{prefix}_loss": float(-log_expit(margins).mean()),
        f"{prefix}_accuracy": float(np.mean(np.sign(margins) + 1.0) / 2.0),
    }


def _finish(network: RewardNetwork | PeftModel, formatter: Formatter, source: Path, place: Path) -> Head:
    """Write the trained backbone, adapters merged, with its tokenizer and what is known of its source."""
    whole = network.merge_and_unload() if isinstance(network, PeftModel) else network
    whole.backbone.save_pretrained(place)
    formatter.tokenizer.save_pretrained(place)
    record = read_origin(source)
    if record:
        write_origin(place, record.origin)
    return whole.head()
