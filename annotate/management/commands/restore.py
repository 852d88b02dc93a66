"""Bring back what a backup has saved."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotate.errors import AnnotateError
from annotate.services import evidence
from annotate.services.backup import restore


class Command(BaseCommand):
    help = "Restore a backup into an empty database. Stop the site and the workers first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source", type=Path, help="a backup, a directory of them (the newest), or a file.tar"
        )
        parser.add_argument("--replace", action="store_true", help="lose what the database has now")

    def handle(self, *args: Any, source: Path, replace: bool, **options: Any) -> None:
        try:
            manifest = restore(source.absolute(), replace=replace)
        except AnnotateError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The backup could not be restored: {error}.") from error
        evidence.forget()
        self.stdout.write(
            f"Restored {sum(manifest.counts.values())} rows and {len(manifest.artifacts)} artifacts of "
            f"{manifest.made_at}. What was under way is queued again; everybody signs in anew."
        )
