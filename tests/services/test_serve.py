"""`manage.py serve`: one command starts everything, and leaves nothing behind."""

import os
import signal
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings

from tests.services.conftest import lives, wait_until

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def descendants(process_id: int) -> list[int]:
    """The ids of all processes under this one, and the embedded broker's; some may be gone already."""
    below = children_of(process_id)
    return below + [deeper for child in below for deeper in descendants(child)]


def children_of(process_id: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # it ended between two looks
        for task in Path(f"/proc/{process_id}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def served(start, port):
    """Site and worker, up."""
    program = start("manage.py", "serve", "--port", str(port))
    wait_until(lambda: answers(port), 30)
    wait_until(lambda: len(descendants(program.pid)) >= 4, 30)  # two servers and a process of each
    return program


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_leaves_no_orphan(served, port, signum):
    children = descendants(served.pid)

    served.send_signal(signum)

    assert served.wait(30) == 0
    wait_until(lambda: not any(map(lives, children)), 5)
    assert not answers(port)
    if settings.EMBEDDED_BROKER:
        assert not settings.BROKER_SOCKET.exists()


def test_kill_9_leaves_no_orphan_that_holds_the_port(served, port):
    children = descendants(served.pid)

    served.kill()
    served.wait()

    wait_until(lambda: not any(map(lives, children)), 10)
    assert not answers(port)


def test_a_child_that_dies_is_noticed_and_stops_everything(served, port):
    children = descendants(served.pid)

    os.kill(children[0], signal.SIGKILL)

    assert served.wait(30) == 1
    wait_until(lambda: not any(map(lives, children)), 5)


def test_a_site_without_a_worker_serves_alone(start, port):
    program = start("manage.py", "serve", "--port", str(port), "--no-worker")
    wait_until(lambda: answers(port), 30)

    assert not any(b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(program.pid))
    program.terminate()
    assert program.wait(30) == 0
