"""The whole loop on this machine: from the example data to an open study, then the site to judge it."""

import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from annotate.models import Experiment, Run, Study
from annotate.services import demonstration

POLL_SECONDS = 1.0
STATES: dict[str, str] = {
    Run.Status.SUCCEEDED: "[green]done",
    Run.Status.FAILED: "[red]failed",
    Run.Status.CANCELLED: "cancelled",
}


class Command(BaseCommand):
    help = "Run a first experiment on the example data and open its study. Again, it takes seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--headless", action="store_true", help="end with status 0 when the study is open"
        )
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        call_command("migrate", verbosity=0)
        call_command("load_sample", stdout=self.stdout)
        people = demonstration.people(settings.VAR / "demo_passwords.json")
        if not Experiment.objects.filter(name=demonstration.NAME).exists():
            _prepare_models()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        log = settings.VAR / "serve.log"
        with log.open("ab") as output:
            server = _serve(options["port"], output)
            try:
                _wait_for_site(options["port"], server, log)
                experiment = demonstration.launch_once()
                _watch(experiment, server, console, log)
                console.print(f"\n[bold]The study is open:[/] http://127.0.0.1:{options['port']}/")
                for person in people:
                    console.print(f"  {person.role:<11} {person.name:<11} {person.password}")
                if not options["headless"]:
                    console.print("Ctrl-C stops the site and the worker.")
                    server.wait()
            except KeyboardInterrupt:
                console.print("Stopping")
            finally:
                server.terminate()
                server.wait()


def _prepare_models() -> None:
    """Convert both packaged models, once; the command shows their licences and its progress."""
    for source in (demonstration.BACKBONE, demonstration.POLICY):
        command = [sys.executable, "-m", "alignment", "prepare", "--source", source, "--models"]
        languages = ["--languages", *settings.LANGUAGES_IN_USE]
        prepared = subprocess.run(  # noqa: S603 (no shell)
            [*command, str(settings.MODELS), *languages], cwd=settings.ROOT, stdout=subprocess.DEVNULL
        )
        if prepared.returncode:
            raise CommandError(f"{source} could not be prepared; the lines above say why.")


def _serve(port: int, output: BinaryIO) -> subprocess.Popen[bytes]:
    """The site and a worker, in a session of their own so that Ctrl-C reaches them through us alone."""
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    return subprocess.Popen(  # noqa: S603 (no shell)
        command, cwd=settings.ROOT, stdout=output, stderr=output, start_new_session=True
    )


def _wait_for_site(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the site listens, and with it the broker that it starts first."""
    while True:
        _check([], server, log)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)


def _watch(experiment: Experiment, server: subprocess.Popen[bytes], console: Console, log: Path) -> None:
    """Show the runs until all have succeeded and the study is open. Raises CommandError when one cannot."""
    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[state]}"), console=console) as bars:
        tasks: dict[int, TaskID] = {}
        while True:
            runs = list(experiment.runs.all())
            for run in runs:
                _show(run, bars, tasks)
            _check(runs, server, log)
            if _is_open(experiment, runs):
                return
            time.sleep(POLL_SECONDS)


def _show(run: Run, bars: Progress, tasks: dict[int, TaskID]) -> None:
    if run.pk not in tasks:
        tasks[run.pk] = bars.add_task(run.title, total=None, state="", start=False)
    task = tasks[run.pk]
    if run.started_at and not bars.tasks[task].started:
        bars.start_task(task)
    finished = run.status == Run.Status.SUCCEEDED
    total = max(run.total, 1) if finished else run.total or None
    bars.update(
        task, total=total, completed=total if finished else run.done, state=STATES.get(run.status, run.status)
    )
    if run.is_terminal:
        bars.stop_task(task)


def _check(runs: list[Run], server: subprocess.Popen[bytes], log: Path) -> None:
    if server.poll() is not None:
        raise CommandError(f"The site or the worker stopped; the end of {log} says why.")
    for run in runs:
        if run.status in (Run.Status.FAILED, Run.Status.CANCELLED):
            raise CommandError(f"{run} {run.status}: {run.error} Run the command again to retry it.")


def _is_open(experiment: Experiment, runs: list[Run]) -> bool:
    return (
        all(run.status == Run.Status.SUCCEEDED for run in runs)
        and Study.objects.filter(experiment=experiment, status=Study.Status.OPEN).exists()
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
