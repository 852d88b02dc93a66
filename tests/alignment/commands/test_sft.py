import json

import pytest

from alignment import __main__ as command_line
from alignment.jsonl import read_records, write_records
from alignment.records import Prompt, PromptPool
from tests.alignment.policy.test_sft import LINES

# peft asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with demonstrations, where relative paths lead."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_records(tmp_path / "data.jsonl", LINES)
    return tmp_path


def sft(policy, *changes: str) -> list[str]:
    given = ["--data", "data.jsonl", "--policy", str(policy), "--task", "continuation", "--seed", "1"]
    rest = ["--languages", "en", "--batch-size", "8", "--models", "models", "--output", "policy"]
    return ["sft", *given, *rest, "--progress", "json", *changes]


def test_sample_takes_the_policy_as_it_is(place, tiny_policy, capsys):
    write_records(place / "prompts.jsonl", [Prompt(text="The letter", language="en")])
    given = ["--prompts", "prompts.jsonl", "--policy", "policy", "--task", "continuation", "--n", "2"]
    rest = ["--seed", "1", "--languages", "en", "--models", "models", "--output", "pool.jsonl"]

    assert command_line.main(sft(tiny_policy)) == 0
    assert command_line.main(["sample", *given, *rest, "--progress", "json"]) == 0

    (pool,) = read_records(place / "pool.jsonl", PromptPool.from_json)
    assert len(pool.candidates) == 2
    result = json.loads(capsys.readouterr().out.splitlines()[-1])["result"]
    assert result["policy"]["digest"] != ""


def test_the_result_counts_the_demonstrations_and_tells_the_losses(place, tiny_policy, capsys):
    assert command_line.main(sft(tiny_policy, "--method", "lora")) == 0

    *steps, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any("validation_loss" in step["metrics"] for step in steps)
    counts = {"train": 21, "validation": 7, "too_long": 0, "truncated": 0}
    assert last["result"]["languages"] == {"en": counts}
    assert {"loss", "validation_loss"} <= set(last["result"]["metrics"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"prompt": "A", "language": "en"}, '"completion" must be a text'),
        ({"completion": "A", "language": "en"}, 'needs a "prompt"'),
        ({"prompt": "A", "completion": "b", "label": False, "language": "en"}, "nothing to imitate"),
    ],
)
def test_a_line_that_demonstrates_nothing_is_named(place, tiny_policy, capsys, line, reason):
    (place / "data.jsonl").write_text(json.dumps(line) + "\n")

    assert command_line.main(sft(tiny_policy)) == 2

    error = capsys.readouterr().err
    assert "data.jsonl, line 1" in error
    assert reason in error


def test_a_limit_that_holds_no_text_is_refused(place, tiny_policy, capsys):
    assert command_line.main(sft(tiny_policy, "--max-tokens", "3")) == 2
    assert "at least 16 tokens" in capsys.readouterr().err
