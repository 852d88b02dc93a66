"""Real servers: those that the environment names, the embedded ones, or (`own_servers`) the test's own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import dj_database_url
import pytest
from celery import Celery
from django.db import connection, connections
from django.db.utils import load_backend

from annotate import broker
from annotate.embedded_broker import ensure_broker, stop_broker
from tests.services.servers import Postgres, Redis, running

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


def has_own_servers(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("own_servers") is not None


@pytest.fixture
def environment(request):
    """Lets another process see this test's database, broker and files."""
    if has_own_servers(request):
        return request.getfixturevalue("grown").environment
    request.getfixturevalue("transactional_db")
    named = dict(os.environ) | QUICK
    if connection.vendor != "sqlite":
        url = urlsplit(os.environ["DATABASE_URL"])
        named["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    return named


@pytest.fixture
def messages(request):
    """The broker runs and has no messages of an earlier test."""
    if has_own_servers(request):
        return  # a Redis of its own is fresh
    request.getfixturevalue("transactional_db")
    ensure_broker()
    with broker.producer.connection_for_write() as link:
        for name in broker.QUEUES:
            link.default_channel.queue_purge(name)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL for whoever asks, with one database that is migrated, to be copied."""
    with running(Postgres) as server:
        server.create_database("migrated")
        named = os.environ | {"DATABASE_URL": server.url("migrated")}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=named, check=True)  # noqa: S603
        yield server


@pytest.fixture
def grown(postgres, monkeypatch, django_db_blocker):
    """Everything on servers of the test's own; rows and doorbells of this process go there too."""
    postgres.start()
    postgres.create_database("grown", template="migrated")
    named = {"DATABASE_URL": postgres.url("grown")}
    with django_db_blocker.unblock(), rows_in(postgres.url("grown")), running(Redis) as redis:
        doorbell = Celery("annotate", set_as_current=False)
        doorbell.conf.update(broker.CONFIGURATION | {"broker_url": redis.url()})
        monkeypatch.setattr(broker, "producer", doorbell)
        yield Grown(postgres, redis, os.environ | QUICK | named | {"REDIS_URL": redis.url()})
        doorbell.close()


class Grown(NamedTuple):
    """Servers that the test may kill, and what tells other processes of them."""

    postgres: Postgres
    redis: Redis
    environment: dict[str, str]


@contextmanager
def rows_in(url: str):
    """Let this process find its rows in the database at `url`."""
    before = connections["default"]
    chosen = connections.configure_settings({"default": dj_database_url.parse(url)})["default"]
    connections["default"] = load_backend(chosen["ENGINE"]).DatabaseWrapper(chosen, "default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before


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
