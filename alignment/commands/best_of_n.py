"""`best-of-n`: choose from a pool by its rewards."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from alignment.best_of_n import expected_rewards, kl_bound, select
from alignment.errors import AlignmentError
from alignment.jsonl import read_records, write_records
from alignment.languages import off_language_by_target
from alignment.progress import Progress, Step
from alignment.records import PromptPool, PromptRewards, Selection


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("best-of-n", help="choose from a pool by its rewards")
    parser.add_argument("--pool", type=Path, required=True, metavar="FILE", help="what `sample` wrote")
    parser.add_argument("--rewards", type=Path, required=True, metavar="FILE", help="what `score` wrote")
    parser.add_argument("--n", type=int, help="choose among the first n candidates (default: all)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="selections, JSON Lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Write the selection for every prompt of the pool."""
    pools = read_records(arguments.pool, PromptPool.from_json)
    rewards = read_records(arguments.rewards, PromptRewards.from_json)
    if not pools:
        raise AlignmentError("The pool is empty; sample at least one prompt.")
    num_candidates = min(len(pool.candidates) for pool in pools)
    n = num_candidates if arguments.n is None else arguments.n
    selections = select(pools, rewards, n)
    write_records(arguments.output, selections)
    progress(Step(done=len(selections), total=len(selections), unit="prompts"))
    curve = expected_rewards([each.candidates[:num_candidates] for each in rewards])
    return {**_summary(selections, n), "expected_reward_by_k": curve.tolist()}


def _summary(selections: Sequence[Selection], n: int) -> dict[str, Any]:
    return {
        "prompts": len(selections),
        "n": n,
        "kl_bound": kl_bound(n),
        "mean_best_reward": fmean(each.best_reward for each in selections),
        "mean_unaligned_reward": fmean(each.unaligned_reward for each in selections),
        "same_text": sum(each.best.text == each.unaligned.text for each in selections),
        "off_language_best": _off_language(
            (each.prompt.language, each.best.detected_language) for each in selections
        ),
        "off_language_unaligned": _off_language(
            (each.prompt.language, each.unaligned.detected_language) for each in selections
        ),
    }


def _off_language(written_in: Iterable[tuple[str, str]]) -> dict[str, dict[str, float]]:
    return {target: counts.as_json() for target, counts in off_language_by_target(written_in).items()}
