"""Import prompts, responses, preferences and ratings from files."""

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich import progress
from rich.console import Console

from alignment.data.formats.format import Defaults
from alignment.data.formats.registry import FORMATS, format_named
from alignment.errors import AlignmentError
from alignment.jsonl import BrokenLine
from alignment.records import SPLITS
from annotate.errors import AnnotateError
from annotate.services import audit
from annotate.services.imports import ImportPlan, ImportReport, facts_of, import_file


class Command(BaseCommand):
    help = "Import prompts, responses, preferences and ratings (docs/data-format.md); twice adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="may be compressed with gzip")
        parser.add_argument("--format", default="jsonl", help=f"one of {', '.join(FORMATS)}")
        parser.add_argument("--task", required=True, help="what the prompts ask for, such as continuation")
        parser.add_argument("--dataset", default="", help="name of the data set, for lines that have none")
        parser.add_argument("--language", default="", help="BCP 47 tag, for lines that have none")
        parser.add_argument("--split", default="train", choices=SPLITS, help="for lines that have none")
        parser.add_argument("--licence", default="", help="kept with the prompt sets that are new")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and keep nothing")
        parser.add_argument("--report", type=Path, help="write every broken line and its reason to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = _plan(options)
            with ExitStack() as stack:
                log = stack.enter_context(options["report"].open("w")) if options["report"] else None
                reports = [self._import(path, plan, log) for path in options["files"]]
        except (AlignmentError, AnnotateError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} could not be used: {error.strerror}.") from error
        if plan.dry_run:
            self.stdout.write("This was a dry run: nothing was kept.")
        if all(report.is_useless for report in reports):
            raise CommandError("Not one line could be imported. Is --format right?")

    def _import(self, path: Path, plan: ImportPlan, log: TextIO | None) -> ImportReport:
        def write_down(line: BrokenLine) -> None:
            if log is not None:
                log.write(f"{path}, line {line.number}: {line.reason}\n")

        bar = progress.open(
            path, "rb", description=path.name, console=Console(stderr=True), disable=not sys.stderr.isatty()
        )
        with bar as file:
            report = import_file(file, plan, now=timezone.now(), on_broken=write_down)
        if not plan.dry_run:
            audit.record_from_shell("data.imported", **facts_of(plan, report, path.name))
        self.stdout.write(f"{path}: {report}")
        for group, count in sorted(report.added.items()):
            self.stdout.write(f"  {count:,} {group.kind} of {group.dataset}, {group.language} {group.split}")
        for broken in report.broken:
            self.stdout.write(f"  line {broken.number}: {broken.reason}")
        if report.num_broken > len(report.broken):
            self.stdout.write("  and more; --report FILE writes down all of them")
        return report


def _plan(options: Mapping[str, Any]) -> ImportPlan:
    return ImportPlan(
        format=format_named(options["format"]),
        task=options["task"],
        defaults=Defaults(language=options["language"], dataset=options["dataset"], split=options["split"]),
        licence=options["licence"],
        dry_run=options["dry_run"],
    )
