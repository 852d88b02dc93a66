"""Save everything that cannot be made again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotate.errors import AnnotateError
from annotate.services.backup import back_up


class Command(BaseCommand):
    help = "Back up the database and the artifacts while the site and the workers are at work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="a directory to add the backup to, or a file.tar")
        parser.add_argument("--keep", type=int, metavar="N", help="of a directory, the newest backups (all)")

    def handle(self, *args: Any, target: Path, keep: int | None, **options: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep must be at least 1.")
        try:
            made = back_up(target.absolute(), keep=keep, now=timezone.now())
        except AnnotateError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup could not be written: {error}.") from error
        rows, artifacts = sum(made.manifest.counts.values()), len(made.manifest.artifacts)
        self.stdout.write(
            f"{made.path}: {rows} rows and {artifacts} artifacts, {made.num_new} of them new. "
            "No secret key, session or API token is in it; names and verdicts are, so keep it private."
        )
