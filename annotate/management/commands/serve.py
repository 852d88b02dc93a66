"""One machine, one command: the embedded broker, a worker and the web server."""

import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotate.embedded_broker import BrokerStartError, ensure_broker, stop_broker

POLL_SECONDS = 0.5
STOP_SECONDS = 20.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 (no error: somebody asked for it)
    """SIGTERM or Ctrl-C came."""


class Command(BaseCommand):
    help = "Serve the site and work on its runs, until Ctrl-C."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-worker", action="store_true", help="the site alone; others do the work")

    def handle(self, *args: Any, **options: Any) -> None:
        for signum in SIGNALS:
            signal.signal(signum, _stop)
        try:
            ensure_broker()
        except BrokerStartError as error:
            raise CommandError(str(error)) from error
        children: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, arguments in _programs(options).items():
                children[name] = _start(arguments)
            self.stdout.write(
                f"Polyreward is at http://{options['host']}:{options['port']}/ (Ctrl-C stops it)"
            )
            _watch(children)
        except Stopped:
            self.stdout.write("Stopping")
        finally:
            _end(list(children.values()))
            stop_broker()


def _programs(options: Mapping[str, Any]) -> dict[str, list[str]]:
    web = ["gunicorn", "annotate.wsgi", "--bind", f"{options['host']}:{options['port']}"]
    programs = {"web server": [*web, "--threads", "8", "--graceful-timeout", "5"]}
    if not options["no_worker"]:
        worker = ["celery", "-A", "workers", "worker", "--queues", "cpu,gpu", "--loglevel", "INFO"]
        programs["worker"] = [*worker, "--without-gossip", "--without-mingle"]
    return programs


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a program that ends when this process ends, however it ends."""
    return subprocess.Popen(  # noqa: S603 (no shell)
        [sys.executable, "-m", "workers.tethered", *arguments],
        stdin=subprocess.PIPE,
        cwd=settings.ROOT,
        start_new_session=True,
    )


def _watch(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Wait until a child ends, which it should not. The broker is started again where it has died."""
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                raise CommandError(f"The {name} ended with status {child.returncode}, so everything stops.")
        ensure_broker()
        time.sleep(POLL_SECONDS)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            if child.stdin is not None:
                child.stdin.close()  # its whole group is killed now, if it still lives
        child.wait()


def _stop(signum: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # stopping is under way and must not be broken off
    raise Stopped
