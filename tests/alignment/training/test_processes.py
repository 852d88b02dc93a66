"""Real trainings in two processes on this CPU. What shards on accelerators shards here over gloo."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from alignment import members
from alignment.__main__ import main
from alignment.jsonl import write_records
from alignment.members import StartAgainError
from alignment.memory import Batch
from alignment.policy.checkpoints import load_policy
from alignment.reward.formatting import Layout
from alignment.reward.model import RewardModel, load_extractor
from alignment.reward.network import RewardNetwork
from alignment.training.attempts import train_within_memory
from alignment.training.workshop import Workshop, open_workshop
from tests.alignment.policy.test_sft import demonstrations
from tests.alignment.reward.conftest import pairs, ratings

# peft asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

ROOT = Path(__file__).parents[3]
LINES = {
    "demonstrations": [*demonstrations(24), *demonstrations(8, "validation")],
    "ratings": [*ratings(24), *ratings(8, split="validation")],
    "pairs": [*pairs(24), *pairs(8, split="validation")],
}


@pytest.fixture
def words(tmp_path, tiny_encoder, tiny_policy):
    """The arguments of a training, of a reward model or (demonstrations) of a policy."""

    def arguments(kind: str, method: str, output: str, *changes: str) -> list[str]:
        write_records(tmp_path / f"{kind}.jsonl", LINES[kind])
        given = {
            "--data": tmp_path / f"{kind}.jsonl",
            "--method": method,
            "--task": "dialog",
            "--seed": 7,
            "--epochs": 2,
            "--batch-size": 4,
            "--checkpoint-every": 3,
            "--learning-rate": 1e-3,
            "--max-tokens": 64,
            "--models": tmp_path / "models",
            "--output": tmp_path / output,
            "--progress": "json",
        }
        options = [str(part) for option in given.items() for part in option]
        if kind == "demonstrations":
            return ["sft", "--policy", str(tiny_policy), "--languages", "en", *options, *changes]
        return ["train-reward", "--backbone", str(tiny_encoder), *options, *changes]

    return arguments


def started(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603  our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )


def run(command: list[str]) -> list[dict]:
    """Runs to the end. Returns the lines on stdout, read."""
    with started(command) as process:
        output, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors[-2000:]
    return read(output)


def read(output: str) -> list[dict]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.fixture
def alone(capsys):
    """What one process, this one, prints."""

    def train(arguments: list[str]) -> list[dict]:
        assert main(arguments) == 0
        return read(capsys.readouterr().out)

    return train


def whole(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "alignment", *arguments]


SHARDED = """
import sys
from alignment import multi_device
original = multi_device.launch_command
def sharded(*given, **_):
    words = original(*given, on_devices=True)
    words[words.index("--mixed_precision") + 1] = "no"
    words[words.index("alignment")] = "tests.alignment.training.sharded_on_cpu"
    return words
multi_device.launch_command = sharded
from alignment.__main__ import main
sys.exit(main())
"""


def sharded(arguments: list[str]) -> list[str]:
    """The command line for accelerators, on this CPU and in float32."""
    return [sys.executable, "-c", SHARDED, *arguments]


def losses(lines: list[dict]) -> list[float]:
    return [line["metrics"]["loss"] for line in lines if "loss" in line.get("metrics", {})]


@pytest.mark.parametrize(("kind", "method", "how"), [("ratings", "full", whole), ("pairs", "lora", sharded)])
def test_two_processes_train_what_one_trains(alone, words, tmp_path, kind, method, how):
    expected = alone(words(kind, method, "one"))

    together = run(how(words(kind, method, "two", "--processes", "2")))

    assert_same_end(together, expected)
    assert [line["metrics"]["accuracy"] for line in together[:-1]] == [
        line["metrics"]["accuracy"] for line in expected[:-1]
    ]
    # Pairs leave the head's bias to rounding, so only differences are compared.
    probes = [(one.prompt, text) for one in LINES["pairs"][:4] for text in (one.chosen, one.rejected)]
    first, second = (RewardModel.load(tmp_path / name).logits(probes) for name in ("one", "two"))
    assert second - second.mean() == pytest.approx(first - first.mean(), abs=1e-4)


def test_two_processes_tune_the_policy_that_one_tunes(alone, words, tmp_path):
    expected = alone(words("demonstrations", "full", "one"))

    together = run(sharded(words("demonstrations", "full", "two", "--processes", "2")))

    assert_same_end(together, expected)
    assert together[-1]["result"]["step"] == expected[-1]["result"]["step"]
    first, second = (load_policy(tmp_path / name).model.state_dict() for name in ("one", "two"))
    assert set(first) == set(second)
    assert all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


def test_two_processes_killed_go_on_to_the_end_of_one_that_was_not(alone, words, tmp_path):
    expected = alone(words("pairs", "full", "one"))
    command = sharded(words("pairs", "full", "two", "--processes", "2"))

    with started(command) as process:
        while not list((tmp_path / "two.partial").glob("checkpoints/checkpoint-*/files.json")):
            assert process.poll() is None
            time.sleep(0.01)
        ours = descendants(process.pid)
        process.send_signal(signal.SIGKILL)
    assert len(ours) >= 3  # the launcher and two at work
    wait_until_gone(ours)
    resumed = run(command)

    assert resumed[0]["done"] > 1
    assert_same_end(resumed, expected)


def test_two_processes_asked_to_stop_leave_a_checkpoint(words, tmp_path):
    command = whole(words("ratings", "full", "model", "--processes", "2", "--epochs", "200"))

    with started(command) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ours = descendants(process.pid)
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 143
    assert errors.splitlines()[-1] == "Stopped. Give the same command again to go on."
    assert list((tmp_path / "model.partial").glob("checkpoints/checkpoint-*/files.json"))
    wait_until_gone(ours)


def assert_same_end(lines: list[dict], expected: list[dict]) -> None:
    """The same losses up to rounding, as far as they were reported."""
    assert losses(lines) == pytest.approx(losses(expected)[-len(losses(lines)) :], rel=1e-4)
    ends = [each[-1]["result"]["metrics"]["validation_loss"] for each in (lines, expected)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-4)


def descendants(process: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        children += [int(child) for child in (task / "children").read_text().split()]
    return children + [each for child in children for each in descendants(child)]


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(is_running(process) for process in processes):
        assert time.monotonic() < deadline, "a process outlived its starter"
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def one_of_two(monkeypatch, tmp_path):
    monkeypatch.setenv(members.OUTCOME, str(tmp_path / "outcome"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")


def test_a_process_without_memory_has_all_start_again_in_halves(one_of_two, tmp_path):
    workshop = Workshop(tmp_path)
    said: list[str] = []

    def attempt(batch: Batch) -> Batch:
        if batch.accumulation == 1:
            raise MemoryError
        return batch

    with pytest.raises(StartAgainError, match="did not suffice for 8 examples"):
        train_within_memory(workshop, 16, attempt, said.append)

    assert train_within_memory(workshop, 16, attempt, said.append) == Batch(4, 2)
    assert len(said) == 1


def test_another_number_of_processes_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("alignment.training.workshop.first_alone", lambda work: work())
    open_workshop(tmp_path / "model", "order").checkpoints.mkdir()
    assert open_workshop(tmp_path / "model", "order").checkpoints.is_dir()

    monkeypatch.setattr("alignment.training.workshop.num_processes", lambda: 2)

    assert not open_workshop(tmp_path / "model", "order").checkpoints.exists()


def test_the_layers_that_are_sharded_do_not_hold_the_embeddings(extractor_networks):
    for network in extractor_networks:
        names = {type(module).__name__ for module in network.modules() if "Layer" in type(module).__name__}
        assert network._no_split_modules
        assert set(network._no_split_modules) <= names
        assert network.get_input_embeddings() in network.backbone.modules()


@pytest.fixture
def extractor_networks(tiny_policy, tiny_encoder):
    layout = Layout(delimiter=" ", cuts_end=False, max_tokens=64)
    extractors = [load_extractor(each, layout) for each in (tiny_policy, tiny_encoder)]
    return [RewardNetwork(each.backbone, each.pooling) for each in extractors]
