import argparse

import pytest

from alignment.best_of_n import kl_bound
from alignment.commands.best_of_n import add_parser
from alignment.errors import AlignmentError
from alignment.jsonl import read_records, write_records
from alignment.progress import silent
from alignment.records import PooledResponse, Prompt, PromptPool, PromptRewards, Selection


def response(text, language="de"):
    return PooledResponse(text=text, logprob=-1.0, num_tokens=1, finished=True, detected_language=language)


POOLS = [
    PromptPool(
        prompt=Prompt(text="Es war", language="de"),
        unaligned=response("kalt"),
        candidates=(response("warm"), response("cold", "en")),
    ),
    PromptPool(
        prompt=Prompt(text="Es wird", language="de"),
        unaligned=response("hell"),
        candidates=(response("hell"), response("dunkel")),
    ),
]
REWARDS = [
    PromptRewards(prompt_key=POOLS[0].prompt.key, unaligned=-1.0, candidates=(1.0, 2.0)),
    PromptRewards(prompt_key=POOLS[1].prompt.key, unaligned=0.5, candidates=(0.5, -3.0)),
]


@pytest.fixture
def best_of_n(tmp_path):
    """Runs the command on pools and rewards, and returns its summary."""

    def run(*options, pools=POOLS, rewards=REWARDS):
        write_records(tmp_path / "pool.jsonl", pools)
        write_records(tmp_path / "rewards.jsonl", rewards)
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        files = [f"--{name}={tmp_path / name}.jsonl" for name in ("pool", "rewards")]
        output = f"--output={tmp_path / 'selections.jsonl'}"
        arguments = parser.parse_args(["best-of-n", *files, output, *options])
        return arguments.run(arguments, silent)

    return run


def test_the_selections_are_written_for_every_prompt(best_of_n, tmp_path):
    best_of_n()

    selections = read_records(tmp_path / "selections.jsonl", Selection.from_json)
    assert [each.best.text for each in selections] == ["cold", "hell"]
    assert [each.n for each in selections] == [2, 2]


def test_a_smaller_n_chooses_among_the_first(best_of_n, tmp_path):
    best_of_n("--n=1")

    selections = read_records(tmp_path / "selections.jsonl", Selection.from_json)
    assert [each.best.text for each in selections] == ["warm", "hell"]


def test_the_summary_tells_what_the_choice_is_worth(best_of_n):
    summary = best_of_n()

    assert summary["kl_bound"] == kl_bound(2)
    assert summary["mean_best_reward"] == 1.25
    assert summary["mean_unaligned_reward"] == -0.25
    assert summary["expected_reward_by_k"] == pytest.approx([0.125, 1.25])


def test_comparisons_of_a_text_with_itself_are_counted(best_of_n):
    assert best_of_n()["same_text"] == 1


def test_off_language_responses_are_counted_on_both_sides(best_of_n):
    summary = best_of_n()

    assert summary["off_language_best"]["de"]["share"] == 0.5
    assert summary["off_language_unaligned"]["de"]["share"] == 0.0


def test_an_empty_pool_is_refused(best_of_n):
    with pytest.raises(AlignmentError, match="empty"):
        best_of_n(pools=[], rewards=[])
