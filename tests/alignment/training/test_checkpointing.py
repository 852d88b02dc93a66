import json
import os

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from alignment.errors import AlignmentError
from alignment.progress import Step, silent
from alignment.training.checkpointing import (
    ProgressCallback,
    newest_checkpoint,
    remove_old_checkpoints,
    seal,
)


def checkpoint(directory, step: int, *, best: int | None = None, sealed: bool = True):
    path = directory / f"checkpoint-{step}"
    path.mkdir()
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "best_global_step": best}))
    (path / "model.safetensors").write_bytes(b"weights")
    if sealed:
        seal(path)
    return path


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}


def log(callback: ProgressCallback, tmp_path, **logs: float) -> TrainerControl:
    control = TrainerControl()
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    callback.on_log(arguments, TrainerState(global_step=3, max_steps=9), control, logs)
    return control


def test_the_newest_checkpoint_is_the_one_of_the_last_step(tmp_path):
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-100"


def test_a_checkpoint_that_was_not_sealed_is_removed_and_the_one_before_is_taken(tmp_path):
    checkpoint(tmp_path, 20)
    checkpoint(tmp_path, 30, sealed=False)

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-20"
    assert not (tmp_path / "checkpoint-30").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "trainer_state.json", "files.json"])
def test_a_checkpoint_that_lacks_a_file_is_torn(tmp_path, name):
    checkpoint(tmp_path, 20)
    (checkpoint(tmp_path, 30) / name).unlink()

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-20"


@pytest.mark.parametrize("name", ["model.safetensors", "files.json"])
def test_a_checkpoint_with_half_a_file_is_torn(tmp_path, name):
    checkpoint(tmp_path, 20)
    os.truncate(checkpoint(tmp_path, 30) / name, 3)

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-20"


def test_there_may_be_no_checkpoint_yet(tmp_path):
    assert newest_checkpoint(tmp_path / "nothing") is None


def test_the_newest_two_checkpoints_are_kept(tmp_path):
    for step in (10, 20, 30, 40):
        checkpoint(tmp_path, step)

    remove_old_checkpoints(tmp_path)

    assert names(tmp_path) == {"checkpoint-30", "checkpoint-40"}


def test_each_kept_checkpoint_keeps_its_best(tmp_path):
    for step, best in ((10, 10), (20, 10), (30, 10), (40, 40)):
        checkpoint(tmp_path, step, best=best)

    remove_old_checkpoints(tmp_path)

    assert names(tmp_path) == {"checkpoint-10", "checkpoint-30", "checkpoint-40"}


def test_a_torn_checkpoint_does_not_count_among_the_two(tmp_path):
    for step in (10, 20, 30):
        checkpoint(tmp_path, step, sealed=step != 20)

    remove_old_checkpoints(tmp_path)

    assert names(tmp_path) == {"checkpoint-10", "checkpoint-30"}


def test_a_step_is_reported_with_its_curves(tmp_path):
    steps: list[Step] = []
    callback = ProgressCallback(steps.append)
    callback.more_metrics = lambda: {"accuracy": 0.75}

    log(callback, tmp_path, loss=0.5, epoch=0.1)

    (step,) = steps
    assert (step.done, step.total, step.unit) == (3, 9, "steps")
    assert step.metrics == {"loss": 0.5, "accuracy": 0.75}


def test_a_validation_is_reported_with_its_loss(tmp_path):
    steps: list[Step] = []
    callback = ProgressCallback(steps.append)
    callback.more_metrics = lambda: {"accuracy": 0.75}

    log(callback, tmp_path, eval_loss=0.5, eval_runtime=2.0)

    (step,) = steps
    assert (step.done, step.metrics) == (3, {"validation_loss": 0.5})


def test_a_note_is_reported_at_the_step_reached(tmp_path):
    steps: list[Step] = []
    callback = ProgressCallback(steps.append)
    log(callback, tmp_path, loss=0.5)

    callback.say("From now on in halves.")

    assert (steps[-1].done, steps[-1].total, steps[-1].note) == (3, 9, "From now on in halves.")


def test_a_progress_that_raises_asks_for_a_checkpoint_and_the_end(tmp_path):
    def stop(step: Step) -> None:
        raise InterruptedError

    callback = ProgressCallback(stop)

    control = log(callback, tmp_path, loss=0.5)

    assert control.should_save
    assert control.should_training_stop
    assert isinstance(callback.reason, InterruptedError)


@pytest.mark.parametrize("name", ["loss", "eval_loss"])
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_without_a_checkpoint(tmp_path, name, loss):
    with pytest.raises(AlignmentError, match="no number at step 3; lower the learning rate"):
        log(ProgressCallback(silent), tmp_path, **{name: loss})
