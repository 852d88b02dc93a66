"""Training that can be cut at any moment: reports, stops with a checkpoint, and is taken up again."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from alignment.errors import AlignmentError
from alignment.progress import Progress, Step
from alignment.training.processes import any_of_us, first_alone

CURVES = ("loss", "accuracy", "margin", "grad_norm", "learning_rate")
FILES_NAME = "files.json"  # in a checkpoint: the sizes of its files, written last of all
KEPT_CHECKPOINTS = 2


class ProgressCallback(TrainerCallback):
    """Reports each step. When `progress` raises, the training ends with a checkpoint and `reason` is set.

    more_metrics: asked at each step, for curves that the trainer does not log itself.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = self._total = 0
        self.reason: Exception | None = None
        self.more_metrics: Callable[[], dict[str, float]] = dict

    def say(self, note: str, *, total: int = 0) -> None:
        """Report a sentence that is worth keeping, at the step reached; total: of steps, before the first."""
        self._total = self._total or total
        self._progress(Step(done=self._done, total=self._total, unit="steps", note=note))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._done, self._total = state.global_step, state.max_steps

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Raises AlignmentError when a loss is no number, so that no checkpoint of that is kept."""
        metrics = _metrics(logs or {})
        if not metrics:
            return  # the summary at the end
        if not all(math.isfinite(value) for name, value in metrics.items() if name.endswith("loss")):
            raise AlignmentError(
                f"The loss is no number at step {state.global_step}; lower the learning rate."
            )
        if "loss" in metrics:
            metrics |= self.more_metrics()
        self._done, self._total = state.global_step, state.max_steps
        try:
            self._progress(Step(done=self._done, total=self._total, unit="steps", metrics=metrics))
        except Exception as reason:  # noqa: BLE001  whatever it is, it is raised again once a checkpoint is there
            self.reason = reason
        if any_of_us(self.reason is not None):
            control.should_save = control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Only now is the checkpoint one to go on from, so only now may older ones go."""
        if state.is_world_process_zero:
            seal(checkpoint_of(Path(str(args.output_dir)), state.global_step))
            remove_old_checkpoints(Path(str(args.output_dir)))


def go_on(trainer: Trainer, directory: Path, callback: ProgressCallback) -> None:
    """Train from the newest whole checkpoint, or from the start. Raises what stopped the training."""
    newest = first_alone(lambda: newest_checkpoint(directory))
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    if callback.reason:
        raise callback.reason


def checkpoint_of(directory: Path, step: int) -> Path:
    """Where the trainers put the checkpoint of a step."""
    return directory / f"checkpoint-{step}"


def seal(checkpoint: Path) -> None:
    """Declare a checkpoint whole, by a list of its files."""
    sizes = {name: (checkpoint / name).stat().st_size for name in _names(checkpoint)}
    partial = checkpoint / f"{FILES_NAME}.partial"
    partial.write_text(json.dumps(sizes), encoding="utf-8")
    partial.replace(checkpoint / FILES_NAME)


def newest_checkpoint(directory: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none; torn newer ones are removed.

    A checkpoint is whole when it was sealed and each file has the size that it had then.
    """
    for checkpoint in _newest_first(directory):
        if _is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def remove_old_checkpoints(directory: Path) -> None:
    """Leave the newest two, and what each of them calls the best: whichever is taken up finds its best."""
    kept = [checkpoint for checkpoint in _newest_first(directory) if _is_whole(checkpoint)][:KEPT_CHECKPOINTS]
    kept += [checkpoint_of(directory, step) for step in map(_best_step, kept) if step]
    for checkpoint in _newest_first(directory):
        if checkpoint not in kept:
            shutil.rmtree(checkpoint)


def _metrics(logs: dict[str, float]) -> dict[str, float]:
    """The curves of a training step or of a validation; empty for anything else."""
    if "eval_loss" in logs:
        return {"validation_loss": float(logs["eval_loss"])}
    if "loss" in logs:
        return {name: float(value) for name, value in logs.items() if name in CURVES}
    return {}


def _names(checkpoint: Path) -> list[str]:
    files = (path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.startswith(FILES_NAME))


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / FILES_NAME).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _best_step(checkpoint: Path) -> int | None:
    """The step with the lowest validation loss so far; None where there was no validation."""
    state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    step: int | None = state.get("best_global_step")
    return step


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob("checkpoint-*"), key=_step, reverse=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
