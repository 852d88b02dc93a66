import argparse
import json
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from alignment.commands.sample import add_parser
from alignment.errors import AlignmentError
from alignment.jsonl import read_records, write_records
from alignment.progress import Progress, Step, silent
from alignment.records import Prompt, PromptPool
from tests.alignment.policy.test_vllm_engine import STAND_IN

OPENINGS = {
    "en": ("The morning light", "We lost the match, but", "A"),
    "de": ("Der Zug kam zu spät, und", "Meine Großmutter"),
}


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    write_records(path, [Prompt(text=text, language=tag) for tag in OPENINGS for text in OPENINGS[tag]])
    return path


@pytest.fixture
def sample(tmp_path, tiny_policy, prompts):
    """Runs the command on the tiny policy, with changes to its arguments."""

    def run(output: str, *changes: str, progress: Progress = silent):
        given = ["--task", "continuation", "--n", "2", "--seed", "3", "--languages", "de", "en"]
        files = ["--prompts", str(prompts), "--policy", str(tiny_policy), "--output", str(tmp_path / output)]
        rest = ["--models", str(tmp_path / "models"), "--rows-per-batch", "4", "--max-response-tokens", "6"]
        arguments = _parsed(["sample", *given, *files, *rest, *changes])
        return arguments.run(arguments, progress)

    return run


def _parsed(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(argv)


class KilledError(Exception):
    pass


class KilledAfter:
    """Stops the work at a report, as a kill would."""

    def __init__(self, num_reports: int) -> None:
        self._left = num_reports

    def __call__(self, step: Step) -> None:
        self._left -= 1
        if self._left == 0:
            raise KilledError


def test_every_prompt_gets_its_pool_in_the_order_of_the_file(sample, tmp_path, prompts):
    sample("pool.jsonl")

    pools = read_records(tmp_path / "pool.jsonl", PromptPool.from_json)
    assert [pool.prompt for pool in pools] == read_records(prompts, Prompt.from_json)
    assert all(len(pool.candidates) == 2 for pool in pools)


def test_each_finished_prompt_is_reported(sample):
    steps: list[Step] = []

    sample("pool.jsonl", progress=steps.append)

    assert [(step.done, step.total) for step in steps] == [(done, 5) for done in range(1, 6)]
    assert all(step.metrics["tokens per second"] > 0 for step in steps)


@pytest.mark.parametrize("num_reports", [1, 2, 4])
def test_a_killed_command_goes_on_to_the_same_bytes(sample, tmp_path, num_reports):
    sample("whole.jsonl")

    with pytest.raises(KilledError):
        sample("pool.jsonl", progress=KilledAfter(num_reports))
    assert not (tmp_path / "pool.jsonl").exists()
    steps: list[Step] = []
    sample("pool.jsonl", progress=steps.append)

    assert (tmp_path / "pool.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(steps) == 5 - num_reports


def test_a_line_torn_by_the_kill_is_sampled_again(sample, tmp_path):
    sample("whole.jsonl")
    with pytest.raises(KilledError):
        sample("pool.jsonl", progress=KilledAfter(2))
    (partial,) = tmp_path.glob("pool.jsonl.*.partial")
    partial.write_bytes(partial.read_bytes()[:-20])

    sample("pool.jsonl")

    assert (tmp_path / "pool.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_what_another_seed_left_behind_is_not_mixed_in(sample, tmp_path):
    sample("whole.jsonl")
    with pytest.raises(KilledError):
        sample("pool.jsonl", "--seed", "4", progress=KilledAfter(2))

    sample("pool.jsonl")

    assert (tmp_path / "pool.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_in_float32_a_policy_of_lower_precision_writes_the_same_in_any_batch(sample, tmp_path, tiny_policy):
    AutoModelForCausalLM.from_pretrained(tiny_policy).bfloat16().save_pretrained(tmp_path / "bf16")
    AutoTokenizer.from_pretrained(tiny_policy).save_pretrained(tmp_path / "bf16")
    options = ("--policy", str(tmp_path / "bf16"), "--float32", "--n", "8")

    for size in ("1", "45"):
        sample(f"pool-{size}.jsonl", *options, "--max-response-tokens", "24", "--rows-per-batch", size)

    first, second = (
        [
            [each.text for each in pool.candidates]
            for pool in read_records(tmp_path / f"pool-{size}.jsonl", PromptPool.from_json)
        ]
        for size in ("1", "45")
    )
    assert first == second


def test_the_summary_counts_what_was_drawn(sample, tmp_path):
    summary = sample("pool.jsonl")

    pools = read_records(tmp_path / "pool.jsonl", PromptPool.from_json)
    responses = [each for pool in pools for each in (pool.unaligned, *pool.candidates)]
    assert (summary["prompts"], summary["responses"]) == (5, 15)
    assert summary["mean_tokens"] == pytest.approx(sum(each.num_tokens for each in responses) / 15)
    assert summary["finished_share"] == pytest.approx(sum(each.finished for each in responses) / 15)
    assert summary["off_language"]["en"]["num_responses"] == 9
    assert json.loads(json.dumps(summary)) == summary


def test_the_engine_that_wrote_is_told(sample):
    assert sample("pool.jsonl", "--engine", "transformers")["engine"] == "transformers"


def test_vllm_goes_on_by_prompt_and_never_with_what_another_engine_wrote(
    sample, tmp_path, prompts, monkeypatch
):
    monkeypatch.syspath_prepend(STAND_IN)
    with pytest.raises(KilledError):
        sample("pool.jsonl", "--engine", "transformers", progress=KilledAfter(2))
    with pytest.raises(KilledError):
        sample("pool.jsonl", "--engine", "vllm", progress=KilledAfter(3))
    steps: list[Step] = []

    summary = sample("pool.jsonl", "--engine", "vllm", progress=steps.append)
    sys.modules.pop("vllm")

    assert [step.done for step in steps] == [4, 5]
    assert summary["engine"] == "vllm 0.32.0"
    pools = read_records(tmp_path / "pool.jsonl", PromptPool.from_json)
    assert [pool.prompt for pool in pools] == read_records(prompts, Prompt.from_json)


def test_vllm_that_is_not_installed_is_refused_before_anything_is_read(sample, prompts):
    prompts.unlink()

    with pytest.raises(AlignmentError, match="vLLM is not installed here"):
        sample("pool.jsonl", "--engine", "vllm")


def test_truncated_prompts_are_counted_by_language(sample, prompts):
    write_records(prompts, [Prompt(text="Der Zug kam zu spät. " * 200, language="de")])

    assert sample("pool.jsonl")["truncated_prompts"] == {"de": 1}


def test_a_prompt_that_stands_there_twice_is_sampled_once_and_counted(sample, prompts):
    write_records(prompts, [Prompt(text="A", language="en", dataset=name) for name in ("one", "two")])

    summary = sample("pool.jsonl")

    assert (summary["prompts"], summary["duplicate_prompts"]) == (1, 1)


def test_a_prompt_in_a_language_that_is_not_in_use_is_refused(sample):
    with pytest.raises(AlignmentError, match="'de'"):
        sample("pool.jsonl", "--languages", "en")


def test_a_file_without_prompts_is_refused(sample, prompts: Path):
    prompts.write_text("")

    with pytest.raises(AlignmentError, match="no prompts"):
        sample("pool.jsonl")
