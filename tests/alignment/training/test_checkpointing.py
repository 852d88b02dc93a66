import json

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from alignment.errors import AlignmentError
from alignment.progress import Step, silent
from alignment.training.checkpointing import ProgressCallback, newest_checkpoint


def checkpoint(directory, step: int, content: str | None = None) -> None:
    path = directory / f"checkpoint-{step}"
    path.mkdir()
    text = json.dumps({"global_step": step}) if content is None else content
    (path / "trainer_state.json").write_text(text)


def log(callback: ProgressCallback, tmp_path, **logs: float) -> TrainerControl:
    control = TrainerControl()
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    callback.on_log(arguments, TrainerState(global_step=3, max_steps=9), control, logs)
    return control


def test_the_newest_checkpoint_is_the_one_of_the_last_step(tmp_path):
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-100"


@pytest.mark.parametrize("torn", ["", '{"global_step": 30', "[" * 10])
def test_a_torn_checkpoint_is_removed_and_the_one_before_is_taken(tmp_path, torn):
    checkpoint(tmp_path, 20)
    checkpoint(tmp_path, 30, torn)

    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-20"
    assert not (tmp_path / "checkpoint-30").exists()


def test_a_checkpoint_without_the_file_that_is_written_last_is_torn(tmp_path):
    (tmp_path / "checkpoint-10").mkdir()
    (tmp_path / "checkpoint-10" / "model.safetensors").write_bytes(b"weights")

    assert newest_checkpoint(tmp_path) is None


def test_there_may_be_no_checkpoint_yet(tmp_path):
    assert newest_checkpoint(tmp_path / "nothing") is None


def test_a_step_is_reported_with_its_curves(tmp_path):
    steps: list[Step] = []
    callback = ProgressCallback(steps.append)
    callback.more_metrics = lambda: {"accuracy": 0.75}

    log(callback, tmp_path, loss=0.5, epoch=0.1)

    (step,) = steps
    assert (step.done, step.total, step.unit) == (3, 9, "steps")
    assert step.metrics == {"loss": 0.5, "accuracy": 0.75}


def test_a_progress_that_raises_asks_for_a_checkpoint_and_the_end(tmp_path):
    def stop(step: Step) -> None:
        raise InterruptedError

    callback = ProgressCallback(stop)

    control = log(callback, tmp_path, loss=0.5)

    assert control.should_save
    assert control.should_training_stop
    assert isinstance(callback.reason, InterruptedError)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_without_a_checkpoint(tmp_path, loss):
    with pytest.raises(AlignmentError, match="no number at step 3; lower the learning rate"):
        log(ProgressCallback(silent), tmp_path, loss=loss)
