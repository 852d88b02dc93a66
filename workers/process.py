"""Run a command of `python -m alignment` in a process of its own, watched line by line."""

import fcntl
import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from alignment.errors import AlignmentError
from alignment.progress import Step
from workers.heartbeat import Heartbeat

GRACE_SECONDS = 5.0  # between the polite signal and the one that cannot be refused
TICK_SECONDS = 0.2
TAIL_BYTES = 8192
USER_ERROR = 2  # the exit status with which `python -m alignment` reports an AlignmentError
SECRETS = (
    "POLYREWARD_SECRET_KEY",
    "POLYREWARD_EMAIL_URL",
    "POLYREWARD_METRICS_TOKEN",
    "DATABASE_URL",
    "REDIS_URL",
    "PGPASSWORD",
    "POSTGRES_PASSWORD",
)


class ProcessFailedError(Exception):
    """The process ended badly; the message has its exit status and the end of its log."""


class ProcessHungError(Exception):
    """The process lived, but told of no step for HANG_SECONDS."""


def shown_command(arguments: Sequence[str]) -> str:
    """What a shell would repeat the work with."""
    return shlex.join(["python", "-m", "alignment", *arguments])


def run_alignment(arguments: Sequence[str], *, directory: Path, heartbeat: Heartbeat) -> dict[str, Any]:
    """Run `python -m alignment` with `arguments` and return the result that it reports.

    Its log is DIRECTORY/log. Raises AlignmentError when the process reports an error that a person can
    mend, ProcessFailedError when it ends in another way, ProcessHungError and what the heartbeat raises,
    after ending it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _only_one_in(directory, heartbeat) as lock, (directory / "log").open("ab") as log:
        log.write(f"$ {shown_command(arguments)}\n".encode())
        log.flush()
        beginning = log.tell()
        process = _start(arguments, log=log, lock=lock)
        try:
            result = _watch(process, heartbeat)
        finally:
            _end(process)
        _check(process.returncode, _tail(directory / "log", beginning))
        return result


@contextmanager
def _only_one_in(directory: Path, heartbeat: Heartbeat) -> Iterator[int]:
    """Hold the directory's lock, shared with the process, so that no two attempts ever write side by side.

    The process of a dead worker may live a moment longer than its worker, and so does its lock.
    """
    with (directory / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                heartbeat.beat()
                time.sleep(TICK_SECONDS)
        yield lock.fileno()


def _start(arguments: Sequence[str], *, log: IO[bytes], lock: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.Popen(  # noqa: S603 (no shell; the arguments are built by workers/jobs)
        [sys.executable, "-m", "workers.tethered", "alignment", "--progress", "json", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=settings.ROOT,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        pass_fds=[lock],
    )


def _watch(process: subprocess.Popen[bytes], heartbeat: Heartbeat) -> dict[str, Any]:
    """Report each step that the process prints until it ends. Returns the result that it prints last."""
    result: dict[str, Any] = {}
    alarm = Alarm(settings.HANG_SECONDS)

    def tick() -> None:
        heartbeat.beat()
        alarm.check()

    for line in _lines(process, tick):
        message = _read_message(line)
        if "result" in message:
            result = message["result"]
        elif "done" in message:
            alarm.set()
            heartbeat(Step(**message))
    while process.poll() is None:
        tick()
        time.sleep(TICK_SECONDS)
    return result


class Alarm:
    """Goes off when it was not set for so many seconds; 0: never."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.clock = clock
        self.set()

    def set(self) -> None:
        """Wait for as long again."""
        self.set_at = self.clock()

    def check(self) -> None:
        """Raise ProcessHungError when the time is over."""
        if self.seconds and self.clock() - self.set_at > self.seconds:
            raise ProcessHungError(
                f"It made no step for {self.seconds:g} seconds, so it was ended. Read the log, then retry, "
                "or allow more with POLYREWARD_HANG_SECONDS."
            )


def _read_message(line: bytes) -> dict[str, Any]:
    """The object on a line; none where a library printed something of its own."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _lines(process: subprocess.Popen[bytes], tick: Callable[[], None]) -> Iterator[bytes]:
    """The lines of the process's output; `tick` is called often, however much or little it prints."""
    assert process.stdout is not None  # noqa: S101 (it was started with a pipe)
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            tick()
            if not selector.select(timeout=TICK_SECONDS):
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started: politely first, then for certain."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _check(status: int, tail: str) -> None:
    if status == USER_ERROR:
        raise AlignmentError(tail.rstrip().rpartition("\n")[2])
    if status == -signal.SIGKILL:
        raise ProcessFailedError(f"The process was killed, most likely for want of memory.\n\n{tail}")
    if status:
        raise ProcessFailedError(f"The process ended with status {status}.\n\n{tail}")


def _tail(path: Path, beginning: int) -> str:
    with path.open("rb") as log:
        log.seek(max(beginning, log.seek(0, os.SEEK_END) - TAIL_BYTES))
        return log.read().decode(errors="replace")
