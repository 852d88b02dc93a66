"""`sft`: fine-tune a policy on demonstrations."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignment.commands.fine_tuning import add_fine_tuning, read_fine_tuning
from alignment.data.demonstrations import read_demonstrations
from alignment.policy.checkpoints import prepare
from alignment.policy.sft import Order, train
from alignment.policy.sft_settings import SFTMethod, SFTSettings
from alignment.progress import Progress


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("sft", help="fine-tune a policy on demonstrations")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="FILE", help="JSON Lines")
    parser.add_argument("--policy", required=True, metavar="SOURCE", help="directory, package:… or hub id")
    parser.add_argument("--task", required=True, help="what is generated, such as continuation")
    parser.add_argument("--languages", nargs="+", required=True, metavar="TAG", help="the languages in use")
    parser.add_argument(
        "--method", type=SFTMethod, choices=list(SFTMethod), default=SFTMethod.FULL, help="(full)"
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=0,
        metavar="N",
        help="of prompt and response together (the task's limits)",
    )
    add_fine_tuning(parser, checkpoint_help=", with a validation each")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for converted packages")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the policy")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Fine-tune, or go on where the same command was stopped."""
    settings = _settings(arguments)
    lines = read_demonstrations(arguments.data)
    base = prepare(arguments.policy, settings.languages, arguments.models, progress)
    card = train(Order(settings, lines, base), arguments.output, progress=progress)
    return {
        "policy": str(arguments.output),
        "languages": {language: asdict(counts) for language, counts in card.counts.items()},
        "max_tokens": card.max_tokens,
        "metrics": card.losses,
        "step": card.step,
        "base": card.base,
        "data_digest": card.data_digest,
        "notes": card.notes,
    }


def _settings(arguments: argparse.Namespace) -> SFTSettings:
    return SFTSettings(
        task=arguments.task,
        languages=tuple(sorted(set(arguments.languages))),
        method=arguments.method,
        seed=arguments.seed,
        max_tokens=arguments.max_tokens,
        fine_tuning=read_fine_tuning(arguments, is_lora=arguments.method is SFTMethod.LORA),
    )
