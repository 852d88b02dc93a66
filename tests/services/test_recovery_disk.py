"""A disk that fills up while a run works: the run says so, and a retry goes on once there is room."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from annotate import broker
from annotate.services import runs
from tests.alignment import conftest as checkpoints
from tests.services.conftest import wait_until
from tests.services.work import news_of, queue_sampling
from workers.job import store

pytestmark = [pytest.mark.services, pytest.mark.own_servers]

tiny_policy = checkpoints.tiny_policy
SIZE = 8 * 2**20


@contextmanager
def small_disk(directory: Path):
    """Mount a disk of 8 MiB on a new directory."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(directory)]
    if os.getuid() or subprocess.run(command, capture_output=True).returncode:  # noqa: S603
        pytest.skip("This machine lets nobody mount a disk, so none can be filled.")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)  # noqa: S603, S607


def fill(disk: Path) -> Path:
    """Leave no room on a disk. Returns the file to remove."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


@pytest.fixture(params=["POLYREWARD_RUNS", "POLYREWARD_ARTIFACTS"])
def disk(request, grown, settings, tmp_path):
    """A small disk for one kind of file; its name is that of its variable."""
    with small_disk(tmp_path / request.param) as directory:
        grown.environment[request.param] = str(directory)
        setattr(settings, request.param.removeprefix("POLYREWARD_"), directory)
        yield directory


def test_a_run_that_fills_its_disk_says_which_and_a_retry_goes_on_where_there_is_room(
    disk, tiny_policy, start_worker
):
    run = queue_sampling(tiny_policy, num_prompts=40)
    ballast = fill(disk)
    broker.announce([run.pk])
    start_worker()
    wait_until(lambda: news_of(run).is_terminal)
    assert (run.status, run.error_kind) == ("failed", "user")
    assert run.error == f"The disk of {disk} ({disk.name}) is full: make room there, then retry the run."
    assert not list(store().root.glob("partial-*"))

    ballast.unlink()
    runs.retry(run)

    wait_until(lambda: news_of(run).is_terminal)
    assert run.status == "succeeded", run.error
    assert store().verify(run.artifacts.get().digest)
