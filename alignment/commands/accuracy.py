"""`accuracy`: compare a reward model with held-out feedback and with baselines."""

import argparse
import json
from pathlib import Path
from typing import Any

from alignment.data.preferences import Feedback, feedback_digest, in_split, read_feedback, subsample
from alignment.errors import AlignmentError
from alignment.progress import Progress
from alignment.records import SPLITS
from alignment.reward.accuracy import accuracy_report
from alignment.reward.model import RewardModel


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("accuracy", help="compare a reward model with held-out feedback")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FILE", help="JSON Lines")
    parser.add_argument("--reward-model", type=Path, required=True, metavar="DIR", help="of `train-reward`")
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=["test"], help="(test)")
    parser.add_argument("--max-examples", type=int, default=0, metavar="N", help="a seeded subset (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the subset (0)")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="keeps backbone features")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the report, JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Write a report with one object for each language, dataset, split and kind of feedback."""
    feedback = _held_out(arguments)
    model = RewardModel.load(arguments.reward_model)
    cache = model.feature_cache(arguments.models / "features")
    groups = accuracy_report(model, feedback, cache=cache, progress=progress)
    report = {
        "reward_model": model.card.identity,
        "trained_on": {"data_digest": model.card.data_digest, "languages": list(model.card.counts)},
        "data_digest": feedback_digest(feedback),
        "groups": groups,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    partial = arguments.output.with_name(arguments.output.name + ".partial")
    partial.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(arguments.output)
    return {"examples": len(feedback), "groups": groups}


def _held_out(arguments: argparse.Namespace) -> list[Feedback]:
    lines = read_feedback(arguments.data)
    feedback = [one for split in arguments.splits for one in in_split(lines, split)]
    if not feedback:
        raise AlignmentError(
            f"No line has the split {' or '.join(arguments.splits)}; name another in --splits."
        )
    if arguments.max_examples:
        return subsample(feedback, arguments.max_examples, arguments.seed)
    return feedback
