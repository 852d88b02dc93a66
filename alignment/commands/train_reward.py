"""`train-reward`: train a reward model from preferences or ratings."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignment.commands.fine_tuning import add_fine_tuning, read_fine_tuning
from alignment.data.preferences import read_feedback
from alignment.policy.checkpoints import prepare
from alignment.progress import Progress
from alignment.reward.settings import Method, RewardSettings
from alignment.reward.training import Order, train


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("train-reward", help="train a reward model from preferences or ratings")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FILE", help="JSON Lines")
    parser.add_argument("--backbone", required=True, metavar="SOURCE", help="directory, package:… or hub id")
    parser.add_argument("--method", type=Method, choices=list(Method), default=Method.FROZEN, help="(frozen)")
    parser.add_argument("--task", required=True, help="what is generated, such as continuation")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--languages", nargs="+", default=[], metavar="TAG", help="the languages in use")
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="of an input (1024)")
    parser.add_argument(
        "--max-examples", type=int, default=0, metavar="N", help="a seeded subset of the training split (all)"
    )
    add_fine_tuning(parser.add_argument_group("for the methods lora and full"))
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for converted packages")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the reward model")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Train, or go on where the same command was stopped."""
    settings = _settings(arguments)
    feedback = read_feedback(arguments.data)
    backbone = prepare(arguments.backbone, arguments.languages, arguments.models, progress)
    order = Order(settings, feedback, backbone)
    card = train(order, arguments.output, cache=arguments.models / "features", progress=progress)
    return {
        "reward_model": str(arguments.output),
        "feedback": card.feedback,
        "max_tokens": card.layout.max_tokens,
        "languages": {language: asdict(counts) for language, counts in card.counts.items()},
        "metrics": card.metrics,
        "backbone": card.backbone,
        "data_digest": card.data_digest,
        "notes": card.notes,
    }


def _settings(arguments: argparse.Namespace) -> RewardSettings:
    return RewardSettings(
        task=arguments.task,
        method=arguments.method,
        seed=arguments.seed,
        max_tokens=arguments.max_tokens,
        max_examples=arguments.max_examples,
        fine_tuning=read_fine_tuning(arguments, is_lora=arguments.method is Method.LORA),
    )
