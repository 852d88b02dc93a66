"""The libraries' trainers, set up for reward models.

Pairs go through TRL's RewardTrainer (Bradley-Terry), ratings through transformers' Trainer with binary
cross-entropy. Both get token ids made by our formatter, so that neither adds, cuts or leaves out anything.

B ratings, T tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset  # type: ignore[import-untyped]
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.trainer_callback import PrinterCallback
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from alignment.memory import Batch
from alignment.reward.examples import Examples, responses_in
from alignment.reward.formatting import Formatter, Tokens
from alignment.reward.network import RewardNetwork
from alignment.reward.settings import RewardSettings
from alignment.training.arguments import trainer_arguments
from alignment.training.checkpointing import ProgressCallback
from alignment.training.example_order import training_order
from alignment.training.processes import sum_of_all


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What a trainer is set up with.

    network: with adapters around it for lora; batch: the settings' batch, in parts where it does not fit.
    """

    network: RewardNetwork | PeftModel
    formatter: Formatter
    settings: RewardSettings
    batch: Batch
    checkpoints: Path
    callback: ProgressCallback


def trainer_for(training: Training, examples: Examples) -> Trainer:
    """examples: either pairs or ratings. Their order is fixed here, for all epochs."""
    trainer = _pair_trainer(training, examples) if examples.pairs else _rating_trainer(training, examples)
    trainer.remove_callback(PrinterCallback)
    return trainer


def pad_ids(ids: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """input_ids and attention_mask (B, T), padded on the right to the longest."""
    rows = [torch.tensor(row) for row in ids]
    return {
        "input_ids": pad_sequence(rows, batch_first=True),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in rows], batch_first=True),
    }


def _pair_trainer(training: Training, examples: Examples) -> Trainer:
    ids = [one.ids for one in _tokens(training, examples)]
    chosen, rejected = ids[0::2], ids[1::2]
    order = _order(training, [max(len(a), len(b)) for a, b in zip(chosen, rejected, strict=True)])
    data = Dataset.from_dict({"chosen_ids": chosen, "rejected_ids": rejected}).select(order)
    return PairTrainer(
        model=training.network,
        args=RewardConfig(**_arguments(training), max_length=None, disable_dropout=False),
        train_dataset=data,
        processing_class=training.formatter.tokenizer,
        callbacks=[training.callback],
    )


def _rating_trainer(training: Training, examples: Examples) -> Trainer:
    tokens = _tokens(training, examples)
    order = _order(training, [len(one.ids) for one in tokens])
    labels = [float(one.good) for one in examples.ratings]
    data = Dataset.from_dict({"input_ids": [one.ids for one in tokens], "labels": labels}).select(order)
    loss = RatingLoss()
    training.callback.more_metrics = loss.take_accuracy
    return Trainer(
        model=training.network,
        args=TrainingArguments(**_arguments(training), remove_unused_columns=False),
        train_dataset=data,
        data_collator=_collate_ratings,
        compute_loss_func=loss,
        callbacks=[training.callback],
    )


class PairTrainer(RewardTrainer):
    """Gives each pair of a batch the same weight: TRL gives it to each part, and the last may be smaller."""

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor | int | None]:
        """The parts of one batch."""
        parts, num_items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._rows_per_part = sum(len(part["input_ids"]) for part in parts) / max(len(parts), 1)
        return parts, num_items

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **options: Any) -> Any:
        """Of a part, to be averaged over the parts."""
        loss = super().compute_loss(model, inputs, *args, **options)  # type: ignore[no-untyped-call]
        return loss * (len(inputs["input_ids"]) / self._rows_per_part)


class RatingLoss:
    """Binary cross-entropy of the logits, which also counts how many are on the right side of 0."""

    def __init__(self) -> None:
        self._num_right = self._num_seen = 0

    def __call__(
        self, outputs: SequenceClassifierOutput, labels: Tensor, num_items_in_batch: Tensor, **_: Any
    ) -> Tensor:
        """labels (B,): 1 good, 0 bad, of a part of a batch. Returns what they add to the mean of it all."""
        logits = outputs["logits"].squeeze(-1).float()  # (B,)
        self._num_right += int(((logits > 0) == (labels > 0.5)).sum())
        self._num_seen += len(labels)
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return losses / num_items_in_batch

    def take_accuracy(self) -> dict[str, float]:
        """The accuracy since it was last taken."""
        accuracy = sum_of_all(self._num_right) / max(sum_of_all(self._num_seen), 1)
        self._num_right = self._num_seen = 0
        return {"accuracy": accuracy}


def _collate_ratings(rows: list[dict[str, Any]]) -> dict[str, Tensor]:
    return {
        **pad_ids([row["input_ids"] for row in rows]),
        "labels": torch.tensor([row["labels"] for row in rows]),
    }


def _tokens(training: Training, examples: Examples) -> list[Tokens]:
    formatter = training.formatter
    return formatter.tokens([formatter.input(*one) for one in responses_in(examples.all)])


def _order(training: Training, lengths: list[int]) -> list[int]:
    own = training.settings.fine_tuning
    return training_order(lengths, epochs=own.epochs, batch_size=own.batch_size, seed=training.settings.seed)


def _arguments(training: Training) -> dict[str, Any]:
    settings = training.settings
    return trainer_arguments(settings.fine_tuning, settings.seed, training.batch, training.checkpoints)
