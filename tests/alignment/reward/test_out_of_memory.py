import json

import pytest

from alignment.errors import AlignmentError
from alignment.progress import Step
from alignment.reward.card import RewardModelCard
from alignment.reward.examples import responses_in
from alignment.reward.model import RewardModel
from alignment.reward.settings import Method
from alignment.reward.training import Order, train
from tests.alignment.little_memory import little_memory
from tests.alignment.reward.conftest import pairs, quick, ratings, settings

# peft asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

# 3 x 23 in batches of 8: the last has 5, whose parts are not equally large.
FEEDBACK = {
    "ratings": [*ratings(23), *ratings(8, split="validation")],
    "pairs": [*pairs(23), *pairs(8, split="validation")],
}
ROWS = {"ratings": 1, "pairs": 2}  # of tokens, for each example


def order(backbone, kind: str, method: Method, batch_size: int = 8) -> Order:
    own = quick(batch_size=batch_size, epochs=3, checkpoint_every=4, learning_rate=1e-4)
    return Order(settings(method, fine_tuning=own), FEEDBACK[kind], backbone)


def losses(steps: list[Step]) -> dict[int, float]:
    """The last that was reported of each step."""
    return {step.done: step.metrics["loss"] for step in steps if "loss" in step.metrics}


@pytest.mark.parametrize(
    ("kind", "method", "after"),
    [
        ("ratings", Method.FULL, 0),
        ("ratings", Method.LORA, 6),
        ("pairs", Method.FULL, 6),
        ("pairs", Method.LORA, 0),
    ],
)
def test_a_batch_that_does_not_fit_is_halved_and_the_losses_are_the_same(
    encoder, tmp_path, kind, method, after
):
    whole, halved = [], []
    train(order(encoder, kind, method), tmp_path / "whole", cache=tmp_path, progress=whole.append)

    with little_memory(4 * ROWS[kind], after=after) as failed:
        train(order(encoder, kind, method), tmp_path / "halved", cache=tmp_path, progress=halved.append)

    assert failed == [8 * ROWS[kind]]
    assert losses(halved) == pytest.approx(losses(whole), rel=1e-4)
    responses = responses_in(FEEDBACK[kind])
    rewards = [RewardModel.load(tmp_path / name).rewards(responses) for name in ("whole", "halved")]
    assert rewards[1] == pytest.approx(rewards[0], abs=1e-3)


def test_it_goes_on_from_the_newest_checkpoint(encoder, tmp_path):
    steps: list[Step] = []

    with little_memory(8, after=6):
        train(order(encoder, "pairs", Method.FULL), tmp_path / "model", cache=tmp_path, progress=steps.append)

    done = [step.done for step in steps if not step.note]
    assert done == [1, 2, 3, 4, 5, 6, *range(5, 10)]


def test_the_halving_is_said_once_and_kept_in_the_card(encoder, tmp_path):
    steps: list[Step] = []

    with little_memory(8, after=6):
        train(order(encoder, "pairs", Method.FULL), tmp_path / "model", cache=tmp_path, progress=steps.append)

    ((note, done, total),) = [(step.note, step.done, step.total) for step in steps if step.note]
    assert "each batch of 8 is computed in 2 parts of 4" in note
    assert (done, total) == (6, 9)
    assert RewardModelCard.read(tmp_path / "model").notes == (note,)


def test_a_training_stopped_after_the_halving_goes_on_in_halves_and_ends_with_the_same_bytes(
    encoder, tmp_path
):
    def stop(step: Step) -> None:
        if step.done == 7:
            raise InterruptedError

    asked = order(encoder, "ratings", Method.FULL)
    with little_memory(4, after=2):
        train(asked, tmp_path / "straight", cache=tmp_path)

    with little_memory(4, after=2), pytest.raises(InterruptedError):
        train(asked, tmp_path / "stopped", cache=tmp_path, progress=stop)
    with little_memory(4) as failed:
        train(asked, tmp_path / "stopped", cache=tmp_path)

    assert failed == []
    weights = "backbone/model.safetensors"
    assert (tmp_path / "stopped" / weights).read_bytes() == (tmp_path / "straight" / weights).read_bytes()


@pytest.mark.parametrize(("batch_size", "rows"), [(8, 3), (1, 0)])
def test_halves_that_do_not_fit_either_are_an_error_that_says_what_to_do(encoder, tmp_path, batch_size, rows):
    asked = order(encoder, "ratings", Method.FULL, batch_size)

    with little_memory(rows), pytest.raises(AlignmentError, match="give a smaller batch or fewer tokens"):
        train(asked, tmp_path / "model", cache=tmp_path)

    assert not (tmp_path / "model").exists()


def test_a_card_without_notes_is_still_read(encoder, tmp_path):
    train(Order(settings(), FEEDBACK["ratings"], encoder), tmp_path / "model", cache=tmp_path)
    path = tmp_path / "model" / "reward_model.json"
    content = json.loads(path.read_text())
    del content["notes"]
    path.write_text(json.dumps(content))

    assert RewardModelCard.read(tmp_path / "model").notes == ()
