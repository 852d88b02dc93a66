"""`translate`: data in another language, or translated there and back."""

import argparse
from pathlib import Path
from typing import Any

from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.progress import Progress
from alignment.translation.files import Order, translate_file
from alignment.translation.ready import ReadyTranslations
from alignment.translation.translator import Direction, Translator


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("translate", help="translate data, or translate it there and back")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="of any kind, JSON Lines")
    parser.add_argument("--from", dest="source", required=True, metavar="TAG", help="language of the data")
    parser.add_argument("--to", dest="target", required=True, metavar="TAG", help="language to translate to")
    parser.add_argument(
        "--back", action="store_true", help="translate back, too: the data stay in their language"
    )
    makers = parser.add_mutually_exclusive_group(required=True)
    makers.add_argument("--ready", type=Path, metavar="FILE", help="ready translations, JSON Lines")
    parser.add_argument("--dataset", default="", metavar="NAME", help="of the new data (default: as it was)")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the same lines, translated"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Translate every text once; started again after a kill, go on with the texts that are left."""
    direction = _direction(arguments)
    order = Order(
        data=arguments.data, output=arguments.output, direction=direction, dataset=arguments.dataset
    )
    forth = _translator(arguments, direction)
    return translate_file(order, forth, forth if arguments.back else None, progress=progress)


def _direction(arguments: argparse.Namespace) -> Direction:
    for tag in (arguments.source, arguments.target):
        language_named(tag)
    if arguments.source == arguments.target:
        raise AlignmentError("--from and --to are the same language; name two.")
    return Direction(arguments.source, arguments.target)


def _translator(arguments: argparse.Namespace, direction: Direction) -> Translator:
    return ReadyTranslations(arguments.ready, direction)
