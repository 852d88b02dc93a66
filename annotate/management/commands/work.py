"""Work on runs with everything that this machine has: a worker for each accelerator, and one for the CPU."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from annotate.broker import QUEUES
from annotate.management.programs import run_together, workers_here


class Command(BaseCommand):
    help = "Start the workers of this machine, until Ctrl-C: one for each accelerator, and one for the CPU."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        every = ",".join(QUEUES)
        parser.add_argument("--queues", type=_queues, default=every, help=f"to listen to: {every}")

    def handle(self, *args: Any, **options: Any) -> None:
        workers = workers_here(options["queues"])
        names = ", ".join(worker.name for worker in workers)
        run_together(
            workers, greeting=f"At work: {names} (Ctrl-C stops)", say=self.stdout.write, keeps_broker=True
        )


def _queues(text: str) -> list[str]:
    """Raises ArgumentTypeError unless each part is a queue."""
    names = [part.strip() for part in text.split(",")]
    if unknown := [name for name in names if name not in QUEUES]:
        raise ArgumentTypeError(f"there is no queue {unknown[0]!r}; choose among {', '.join(QUEUES)}")
    return names
