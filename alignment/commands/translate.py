"""`translate`: data in another language, or translated there and back."""

import argparse
from pathlib import Path
from typing import Any

from alignment.chat.server import Server
from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.progress import Progress, Step
from alignment.sources import parse_source
from alignment.translation.files import Order, translate_file
from alignment.translation.ready import ReadyTranslations
from alignment.translation.server import ServerTranslator
from alignment.translation.translator import Direction, Translator

KEY_VARIABLE = "POLYREWARD_TRANSLATION_KEY"


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
    makers.add_argument(
        "--translator", metavar="SOURCE", help="an encoder-decoder: directory or ORG/NAME@REVISION"
    )
    makers.add_argument("--server", metavar="URL", help="of a chat model, such as http://127.0.0.1:8000/v1")
    makers.add_argument("--ready", type=Path, metavar="FILE", help="ready translations, JSON Lines")
    parser.add_argument("--model", default="", metavar="NAME", help="as the server names it")
    parser.add_argument(
        "--back-translator", metavar="SOURCE", help="for the way back, if that needs another model"
    )
    parser.add_argument("--beams", type=int, default=4, metavar="N", help="of beam search; 1 is greedy (4)")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="texts at once (16)")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for fetched models")
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
    forth = _translator(arguments, direction, progress)
    back = _way_back(arguments, forth, progress)
    return translate_file(order, forth, back, progress=progress)


def _direction(arguments: argparse.Namespace) -> Direction:
    for tag in (arguments.source, arguments.target):
        language_named(tag)
    if arguments.source == arguments.target:
        raise AlignmentError("--from and --to are the same language; name two.")
    return Direction(arguments.source, arguments.target)


def _translator(arguments: argparse.Namespace, direction: Direction, progress: Progress) -> Translator:
    if arguments.ready:
        return ReadyTranslations(arguments.ready, direction)
    if arguments.server:
        if not arguments.model:
            raise AlignmentError("--server needs --model, the name that the server knows the model by.")
        server = Server.at(arguments.server, key_variable=KEY_VARIABLE)
        return ServerTranslator(server, arguments.model, concurrency=arguments.batch_size)
    return _local(arguments.translator, arguments, progress)


def _way_back(arguments: argparse.Namespace, forth: Translator, progress: Progress) -> Translator | None:
    if arguments.back_translator and not (arguments.back and arguments.translator):
        raise AlignmentError("--back-translator goes with --translator and --back; give them, too.")
    if not arguments.back:
        return None
    return _local(arguments.back_translator, arguments, progress) if arguments.back_translator else forth


def _local(source: str, arguments: argparse.Namespace, progress: Progress) -> Translator:
    from alignment.policy.checkpoints import resolve  # slow to import, and not needed for a file
    from alignment.translation.seq2seq import Seq2SeqTranslator

    def say(note: str) -> None:
        progress(Step(done=0, total=1, unit="texts", note=note))

    checkpoint = resolve(parse_source(source), arguments.models, progress=progress)
    return Seq2SeqTranslator(checkpoint, num_beams=arguments.beams, batch_size=arguments.batch_size, say=say)
