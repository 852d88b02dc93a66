"""TRL's SFTTrainer, set up for demonstrations: token ids made by us, and the loss on responses alone.

B examples, T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from datasets import Dataset  # type: ignore[import-untyped]
from peft import PeftModel
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from alignment.memory import Batch
from alignment.policy.sft_examples import IGNORED, Demonstrations, Example
from alignment.training.arguments import trainer_arguments
from alignment.training.checkpointing import ProgressCallback
from alignment.training.example_order import training_order
from alignment.training.settings import FineTuning


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """What a trainer is set up with.

    network: with adapters around it for lora; batch: that of `own`, in parts where it does not fit.
    """

    network: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    own: FineTuning
    seed: int
    batch: Batch
    checkpoints: Path
    callback: ProgressCallback


class PolicyTrainer(SFTTrainer):
    """Measures the validation loss per token of all responses: TRL averages over batches, however cut.

    mean_learned: tokens of a response of the validation examples, on average.
    """

    mean_learned: float

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The loss of a batch, weighed so that the mean over examples is the mean over tokens."""
        num_learned = int((inputs["labels"] != IGNORED).sum())
        weight = num_learned / (self.mean_learned * len(inputs["labels"]))
        loss, *_ = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        return loss * weight, None, None


class PassEnds(TrainerCallback):
    """Validates and saves at the end of each pass over the data too, however few steps it has."""

    def __init__(self, num_examples: int, own: FineTuning) -> None:
        passes = range(1, int(own.epochs) + 1)
        self._steps = {-(-num * num_examples // own.batch_size) for num in passes}

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step in self._steps:
            control.should_evaluate = control.should_save = True


def positions_for(tuning: Tuning, examples: Sequence[Example]) -> list[int]:
    """Positions of the examples for all steps, in order."""
    lengths = [len(one.ids) for one in examples]
    return training_order(
        lengths, epochs=tuning.own.epochs, batch_size=tuning.own.batch_size, seed=tuning.seed
    )


def trainer_for(tuning: Tuning, data: Demonstrations) -> PolicyTrainer:
    """Ready to be started. Without validation examples nothing is measured, and the last weights stay."""
    measured = data.measured
    trainer = PolicyTrainer(
        model=tuning.network,
        args=SFTConfig(
            **trainer_arguments(tuning.own, tuning.seed, tuning.batch, tuning.checkpoints),
            **(_validation(tuning) if measured else {}),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=_dataset(data.train).select(positions_for(tuning, data.train)),
        eval_dataset=_dataset(measured) if measured else None,
        processing_class=tuning.tokenizer,
        callbacks=[tuning.callback, *([PassEnds(len(data.train), tuning.own)] if measured else [])],
    )
    trainer.mean_learned = fmean(len(one.response) for one in measured) if measured else 0.0
    trainer.remove_callback(PrinterCallback)
    return trainer


def _validation(tuning: Tuning) -> dict[str, Any]:
    """Beside each checkpoint; the trainer remembers the step with the lowest loss."""
    return {
        "eval_strategy": "steps",
        "eval_steps": tuning.own.checkpoint_every,
        "per_device_eval_batch_size": tuning.batch.per_device,
        "metric_for_best_model": "loss",
        "greater_is_better": False,
        "prediction_loss_only": True,
    }


def _dataset(examples: Sequence[Example]) -> Any:
    return Dataset.from_dict(
        {"input_ids": [one.ids for one in examples], "labels": [one.labels for one in examples]}
    )
