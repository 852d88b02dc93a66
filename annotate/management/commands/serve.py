"""One machine, one command: the embedded broker, its workers and the web server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from annotate.management.programs import Program, run_together, workers_here


class Command(BaseCommand):
    help = "Serve the site and work on its runs, until Ctrl-C."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-worker", action="store_true", help="the site alone; others do the work")

    def handle(self, *args: Any, **options: Any) -> None:
        address = f"{options['host']}:{options['port']}"
        run_together(
            [_web_server(address), *([] if options["no_worker"] else workers_here())],
            greeting=f"Polyreward is at http://{address}/ (Ctrl-C stops it)",
            say=self.stdout.write,
            keeps_broker=False,
        )


def _web_server(address: str) -> Program:
    gunicorn = ["gunicorn", "annotate.wsgi", "--bind", address, "--threads", "8", "--graceful-timeout", "5"]
    return Program(name="web server", arguments=gunicorn)
