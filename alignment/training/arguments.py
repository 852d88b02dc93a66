"""What all trainers of the libraries are set up with."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from alignment.memory import Batch
from alignment.training.settings import FineTuning

WARM_UP = 0.1


def trainer_arguments(own: FineTuning, seed: int, batch: Batch, checkpoints: Path) -> dict[str, Any]:
    """Of one pass over data that stands in the order of `training_order`, with a checkpoint now and then.

    Old checkpoints are removed by ProgressCallback, once there is a newer one that is whole.
    """
    return {
        **shared_arguments(seed, batch, checkpoints),
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "learning_rate": own.learning_rate,
        "save_steps": own.checkpoint_every,
    }


def shared_arguments(seed: int, batch: Batch, checkpoints: Path) -> dict[str, Any]:
    """What does not depend on how it learns: batches, warm-up, checkpoints, logging, and the device."""
    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(checkpoints),
        "seed": seed % 2**32,
        "per_device_train_batch_size": batch.per_device,
        "gradient_accumulation_steps": batch.accumulation,
        "lr_scheduler_type": "linear",
        "warmup_steps": WARM_UP,
        "save_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "activation_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
    }


def without_dropout(network: nn.Module) -> None:
    """Switch dropout off, so that a text counts for the same in training, in part of a batch and later."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010  a module's attributes are typed as tensors
