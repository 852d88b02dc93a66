"""Programs that start together and end together: the web server, and the workers of this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from django.conf import settings
from django.core.management.base import CommandError

from alignment.devices import read_machine
from annotate.broker import QUEUES
from annotate.embedded_broker import BrokerStartError, ensure_broker, stop_broker
from annotate.models import Run

POLL_SECONDS = 0.5
STOP_SECONDS = 20.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 (no error: somebody asked for it)
    """SIGTERM or Ctrl-C came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A Python module with its arguments, and what is different in its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def workers_here(queues: Sequence[str] = QUEUES) -> list[Program]:
    """One worker for each accelerator, on the queue gpu, and one without any on the queue cpu.

    Where there is no accelerator, a single worker listens to all of `queues`.
    """
    pins = _pins()
    if not pins:
        return [_worker("worker", queues, {})]
    workers = []
    if Run.Queue.GPU in queues:
        workers = [_worker(f"gpu{number}", [Run.Queue.GPU], pin) for number, pin in enumerate(pins)]
    if Run.Queue.CPU in queues:
        workers.append(_worker("cpu", [Run.Queue.CPU], {"CUDA_VISIBLE_DEVICES": ""}))
    return workers


def _pins() -> list[dict[str, str]]:
    """What shows a process each of our accelerators alone; numbered as nvidia-smi does."""
    num_devices = len(read_machine().devices)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible is not None else [str(number) for number in range(num_devices)]
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return [order | {"CUDA_VISIBLE_DEVICES": name.strip()} for name in names[:num_devices]]


def _worker(name: str, queues: Sequence[str], environment: Mapping[str, str]) -> Program:
    celery = [
        "celery",
        "-A",
        "workers",
        "worker",
        "--loglevel",
        "INFO",
        "--without-gossip",
        "--without-mingle",
    ]
    arguments = [*celery, "--queues", ",".join(queues), "--hostname", f"{name}@%h"]
    return Program(name=name, arguments=arguments, environment=environment)


def run_together(
    programs: Sequence[Program], *, greeting: str, say: Callable[[str], object], keeps_broker: bool
) -> None:
    """Run until a signal comes or one of them ends, then end all.

    keeps_broker: an embedded broker that ran before may serve others, so it is left alone at the end.
    Raises CommandError when a program ends by itself, or the broker does not start.
    """
    for signum in SIGNALS:
        signal.signal(signum, _stop)
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        stops_broker = ensure_broker() or not keeps_broker
    except BrokerStartError as error:
        raise CommandError(str(error)) from error
    try:
        for program in programs:
            children[program.name] = _start(program)
        say(greeting)
        _watch(children)
    except Stopped:
        say("Stopping")
    finally:
        _end(list(children.values()))
        if stops_broker:
            stop_broker()


def _start(program: Program) -> subprocess.Popen[bytes]:
    """Start a program that ends when this process ends, however it ends."""
    return subprocess.Popen(  # noqa: S603 (no shell)
        [sys.executable, "-m", "workers.tethered", *program.arguments],
        stdin=subprocess.PIPE,
        cwd=settings.ROOT,
        env=os.environ | program.environment,
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
