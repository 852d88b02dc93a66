"""Load the example lines and openings that come with the project."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

import annotate
from alignment.data.formats.registry import format_named
from annotate.services import audit
from annotate.services.imports import ImportPlan, facts_of, import_file

SAMPLE = Path(annotate.__file__).parent / "sample"
PLAN = ImportPlan(
    format=format_named("jsonl"),
    task="continuation",
    licence="CC0-1.0, examples of Polyreward, not human-judged (annotate/sample/README.md)",
)


class Command(BaseCommand):
    help = "Load the example lines and openings for the task continuation; twice adds nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        for path in sorted(SAMPLE.glob("*.jsonl")):
            with path.open("rb") as file:
                report = import_file(file, PLAN, now=timezone.now())
            audit.record_from_shell("data.imported", **facts_of(PLAN, report, path.name))
            self.stdout.write(f"{path.name}: {report}")
