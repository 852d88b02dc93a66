"""Write a data set as JSON Lines."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alignment.jsonl import json_line
from annotate.errors import AnnotateError
from annotate.services import audit
from annotate.services.exports import all_feedback, imported_records

SAID = ("task", "dataset", "languages", "feedback")


class Command(BaseCommand):
    help = "Write a data set as JSON Lines (docs/data-format.md); importing them again adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--task", required=True, help="such as continuation")
        parser.add_argument("--dataset", required=True, help="name of the data set")
        parser.add_argument("--languages", nargs="+", default=[], metavar="TAG", help="only these (all)")
        parser.add_argument(
            "--feedback",
            action="store_true",
            help="only what reward models learn from, with the verdicts that were collected here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lines = all_feedback if options["feedback"] else imported_records
        try:
            audit.record_from_shell("data.exported", **{name: options[name] for name in SAID})
            for record in lines(options["task"], options["dataset"], options["languages"]):
                self.stdout.write(json_line(record), ending="")
        except AnnotateError as error:
            raise CommandError(str(error)) from error
