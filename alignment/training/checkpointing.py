"""Training that can be cut at any moment: reports, stops with a checkpoint, and is taken up again."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from alignment.errors import AlignmentError
from alignment.progress import Progress, Step

CURVES = ("loss", "accuracy", "margin", "grad_norm", "learning_rate")


class ProgressCallback(TrainerCallback):
    """Reports each step. When `progress` raises, the training ends with a checkpoint and `reason` is set.

    more_metrics: asked at each step, for curves that the trainer does not log itself.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.reason: Exception | None = None
        self.more_metrics: Callable[[], dict[str, float]] = dict

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Raises AlignmentError when the loss is no number, so that no checkpoint of that is kept."""
        metrics = {name: float(value) for name, value in (logs or {}).items() if name in CURVES}
        if "loss" not in metrics:
            return  # the summary at the end
        if not math.isfinite(metrics["loss"]):
            raise AlignmentError(
                f"The loss is no number at step {state.global_step}; lower the learning rate."
            )
        metrics |= self.more_metrics()
        step = Step(done=state.global_step, total=state.max_steps, unit="steps", metrics=metrics)
        try:
            self._progress(step)
        except Exception as reason:  # noqa: BLE001  whatever it is, it is raised again once a checkpoint is there
            self.reason = reason
            control.should_save = control.should_training_stop = True


def newest_checkpoint(directory: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none; torn newer ones are removed.

    A checkpoint is whole when the file that is written last can be read.
    """
    for checkpoint in sorted(directory.glob("checkpoint-*"), key=_step, reverse=True):
        if _is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _is_whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(state["global_step"] == _step(checkpoint))


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
