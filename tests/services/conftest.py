"""Real servers: the database and the broker that the environment names, or the embedded ones."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from annotate import broker
from annotate.embedded_broker import ensure_broker, stop_broker

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "POLYREWARD_HEARTBEAT_SECONDS": "0.2",
    "POLYREWARD_SILENCE_SECONDS": "3",
    "POLYREWARD_SWEEP_SECONDS": "0.5",
    "OMP_NUM_THREADS": "1",
}


def wait_until(condition, seconds=60.0):
    """Wait for a condition and return what it gives."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)
    return found


def lives(process_id: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def environment(transactional_db):
    """Lets another process see this test's database, broker and files."""
    named = dict(os.environ) | QUICK
    if connection.vendor != "sqlite":
        url = urlsplit(os.environ["DATABASE_URL"])
        named["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    return named


@pytest.fixture
def messages(transactional_db):
    """The broker runs and has no messages of an earlier test."""
    ensure_broker()
    with broker.producer.connection_for_write() as link:
        for name in broker.QUEUES:
            link.default_channel.queue_purge(name)


@pytest.fixture
def start(environment):
    """Start a program that ends with the test."""
    started = []

    def begin(*arguments: str) -> subprocess.Popen:
        program = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments], cwd=ROOT, env=environment, start_new_session=True
        )
        started.append(program)
        return program

    yield begin
    for program in started:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    stop_broker()


@pytest.fixture
def start_worker(start, messages):
    """Start a real Celery worker; it ends with the test."""
    return lambda: start("-m", "celery", "-A", "workers", "worker", "-Q", "cpu,gpu", "--loglevel", "INFO")
