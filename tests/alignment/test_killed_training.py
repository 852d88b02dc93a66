import pytest

from alignment.jsonl import write_records
from tests.alignment.killed import curves, finish, kill_at_random
from tests.alignment.policy.test_sft import LINES
from tests.alignment.reward.conftest import pairs, ratings
from tests.alignment.reward.test_training import files

FEEDBACK = {"pairs": pairs, "ratings": ratings}
EVERY = 5  # steps between checkpoints
STEPS = 40


@pytest.fixture
def sft(tmp_path, tiny_policy):
    """Arguments for fine-tuning into a directory, by a method."""
    write_records(tmp_path / "data.jsonl", LINES)
    given = ["--data", tmp_path / "data.jsonl", "--policy", tiny_policy, "--languages", "en"]
    return lambda method, output: ["sft", *map(str, given), *_shared(tmp_path, method, output)]


@pytest.fixture
def train_reward(tmp_path, tiny_encoder):
    """Arguments for training a reward model into a directory, by a method, on a kind of feedback."""

    def arguments(kind: str, method: str, output: str) -> list[str]:
        make = FEEDBACK[kind]
        write_records(tmp_path / "data.jsonl", [*make(21), *make(7, split="validation")])
        given = ["--data", tmp_path / "data.jsonl", "--backbone", tiny_encoder]
        return ["train-reward", *map(str, given), *_shared(tmp_path, method, output)]

    return arguments


def _shared(directory, method: str, output: str) -> list[str]:
    """Of 40 steps, and more than 21 examples can be divided by."""
    given = {
        "--method": method,
        "--task": "dialog",
        "--seed": 7,
        "--epochs": STEPS * 4 / 21,
        "--batch-size": 4,
        "--checkpoint-every": EVERY,
        "--learning-rate": 1e-3,
        "--max-tokens": 128,
        "--models": directory / "models",
        "--output": directory / output,
    }
    return [str(part) for option in given.items() for part in option]


def _check(straight: list[str], killed: list[str], directory) -> None:
    """Every curve and every byte is the same, whether or not the work was killed."""
    whole = finish(straight)

    before = kill_at_random(killed, first=EVERY + 1, last=STEPS - EVERY)
    assert not (directory / "killed").exists()
    after = finish(killed)

    assert min(message["done"] for message in after if "done" in message) > 1
    assert curves(before, after) == curves(whole)
    assert files(directory / "killed") == files(directory / "straight")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_killed_fine_tuning_logs_the_same_losses_and_ends_with_the_same_bytes(sft, tmp_path, method):
    _check(sft(method, "straight"), sft(method, "killed"), tmp_path)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kind", FEEDBACK)
def test_a_killed_reward_model_logs_the_same_losses_and_ends_with_the_same_bytes(
    train_reward, tmp_path, kind, method
):
    _check(train_reward(kind, method, "straight"), train_reward(kind, method, "killed"), tmp_path)
