import json
import random
import signal
import subprocess
import sys
import time

import pytest

from alignment import __main__ as command_line
from alignment.jsonl import read_records, write_records
from alignment.records import Prompt, PromptPool
from tests.alignment.policy.rl_orders import PROMPTS, files
from tests.alignment.reward.conftest import pairs

# TRL asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

STEPS = 16
CHECKPOINT_EVERY = 3


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_encoder):
    """A directory with prompts and a reward model, where relative paths lead."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(command_line.__file__).rpartition("/alignment/")[0])
    write_records(tmp_path / "feedback.jsonl", pairs(24))
    write_records(tmp_path / "prompts.jsonl", [*PROMPTS, PROMPTS[0]])
    given = ["--data", "feedback.jsonl", "--backbone", str(tiny_encoder), "--task", "continuation"]
    train = ["train-reward", *given, "--seed", "1", "--output", "reward", "--progress", "none"]
    assert command_line.main(train) == 0
    return tmp_path


def rl(policy, output: str, *changes: str) -> list[str]:
    given = ["--prompts", "prompts.jsonl", "--policy", str(policy), "--reward-model", "reward"]
    given += ["--task", "continuation", "--languages", "en", "de", "--seed", "7", "--steps", str(STEPS)]
    given += ["--batch-size", "8", "--learning-rate", "1e-3", "--max-new-tokens", "6"]
    given += ["--checkpoint-every", str(CHECKPOINT_EVERY), "--output", output]
    return ["rl", *given, "--progress", "json", *changes]


def lines(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines()]


def test_the_result_tells_how_the_policy_was_before_and_after(place, tiny_policy, capsys):
    assert command_line.main(rl(tiny_policy, "policy", "--steps", "2")) == 0

    result = lines(capsys.readouterr().out)[-1]["result"]
    assert {"reward", "reward_before", "kl", "length", "off_language"} <= set(result["metrics"])
    assert (result["step"], result["stopped"], result["prompts"]) == (2, "", {"en": 4})
    assert result["duplicate_prompts"] == 1


def test_the_trained_policy_can_be_sampled(place, tiny_policy):
    assert command_line.main(rl(tiny_policy, "policy", "--steps", "2")) == 0

    given = ["--prompts", "prompts.jsonl", "--policy", "policy", "--task", "continuation", "--n", "2"]
    given += ["--seed", "1", "--languages", "en", "--output", "pool.jsonl", "--progress", "none"]

    assert command_line.main(["sample", *given]) == 0
    assert len(read_records(place / "pool.jsonl", PromptPool.from_json)) == len(PROMPTS)


def test_a_policy_can_be_trained_on(place, tiny_policy):
    assert command_line.main(rl(tiny_policy, "first", "--steps", "2")) == 0

    assert command_line.main(rl("first", "second", "--steps", "2", "--method", "grpo")) == 0


def test_a_policy_tuned_on_demonstrations_is_a_start_and_what_it_is_measured_from(place, tiny_policy, capsys):
    demonstrations = [{"prompt": one.text, "completion": "a kind word", "language": "en"} for one in PROMPTS]
    (place / "demonstrations.jsonl").write_text("\n".join(map(json.dumps, demonstrations)))
    given = ["--data", "demonstrations.jsonl", "--policy", str(tiny_policy), "--task", "continuation"]
    given += ["--languages", "en", "--seed", "1", "--learning-rate", "1e-2", "--output", "tuned"]
    assert command_line.main(["sft", *given, "--progress", "none"]) == 0

    capsys.readouterr()

    assert command_line.main(rl("tuned", "policy", "--steps", "2")) == 0

    first, *_ = lines(capsys.readouterr().out)
    assert first["metrics"]["kl"] == 0.0


def test_the_rewards_are_those_that_scoring_gives(place, tiny_policy, capsys, monkeypatch):
    """`score` on the responses that the closing batch showed."""
    seen = []

    def remember(model, responses, **options):
        rewards = rewards_of(model, responses, **options)
        seen.append((responses, rewards))
        return rewards

    from alignment.reward.model import RewardModel

    rewards_of = RewardModel.rewards
    with monkeypatch.context() as patched:
        patched.setattr(RewardModel, "rewards", remember)
        command_line.main(rl(tiny_policy, "policy", "--steps", "1"))

    responses, rewards = seen[0]
    scored = RewardModel.load(place / "reward").rewards(responses)
    logged = lines(capsys.readouterr().out)[0]["metrics"]["reward"]
    assert rewards.tolist() == scored.tolist()
    assert logged == pytest.approx(scored.mean())


@pytest.mark.parametrize(
    ("prompts", "changes", "reason"),
    [
        ([], (), "no prompts"),
        ([Prompt(text="Bonjour", language="fr")], (), "name that language in --languages"),
        (PROMPTS, ("--task", "dialog"), "name a reward model for dialog"),
        (PROMPTS, ("--reward-model", "nowhere"), "holds no reward model"),
        (PROMPTS, ("--group", "3"), "multiple of the group"),
        (PROMPTS, ("--max-new-tokens", "0"), "must be more than 0"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_sentence(
    place, tiny_policy, capsys, prompts, changes, reason
):
    write_records(place / "prompts.jsonl", prompts)

    assert command_line.main(rl(tiny_policy, "policy", *changes)) == 2

    error = capsys.readouterr().err
    assert reason in error
    assert error.strip().count("\n") == 0


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_a_killed_training_ends_with_the_same_losses_and_weights(place, tiny_policy, method):
    straight = run(rl(tiny_policy, "straight", "--method", method))
    killed_at = random.randint(CHECKPOINT_EVERY + 1, STEPS - 2)  # noqa: S311  no secret

    last_seen = kill_after(rl(tiny_policy, "killed", "--method", method), killed_at)
    assert not (place / "killed").exists(), f"killed too late at step {killed_at}"
    second = run(rl(tiny_policy, "killed", "--method", method))

    *straight_steps, straight_result = straight
    *second_steps, second_result = second
    assert 1 < second_steps[0]["done"] <= last_seen + 1
    assert second_steps == straight_steps[second_steps[0]["done"] - 1 :], f"killed at step {killed_at}"
    assert second_result["result"] | {"policy": ""} == straight_result["result"] | {"policy": ""}
    assert files(place / "killed") == files(place / "straight")


def run(command: list[str]) -> list[dict]:
    """The whole command line, in a process of its own."""
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "alignment", *command], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return lines(done.stdout)


def kill_after(command: list[str], step: int) -> int:
    """SIGKILL within the step after this one, at any moment. Returns the last step that was reported."""
    process = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "alignment", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["done"] >= step:
            break
    time.sleep(random.uniform(0.0, 0.1))  # noqa: S311  no secret
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    return max([step, *(json.loads(line)["done"] for line in rest.splitlines() if line.endswith("}"))])
