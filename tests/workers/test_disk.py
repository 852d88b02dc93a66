"""A full disk is told from other failures; tests/services fills real ones."""

import os
from types import SimpleNamespace

import pytest

from workers import disk
from workers.disk import lack_of_room

BROKEN = "Traceback …\nZeroDivisionError: division by zero"


@pytest.fixture
def disks(monkeypatch, settings):
    """What the file systems say: 1 GB free each, until a test changes it by directory."""
    settings.RUNS, settings.ARTIFACTS, settings.MODELS = "/runs", "/artifacts", "/models"
    plenty = SimpleNamespace(f_flag=0, f_files=100, f_favail=50, f_bavail=250_000, f_frsize=4096)
    found = {name: SimpleNamespace(**vars(plenty)) for name in ("/runs", "/artifacts", "/models")}
    monkeypatch.setattr(disk.os, "statvfs", lambda path: found[os.fspath(path)])
    return found


def test_a_failure_with_room_everywhere_is_no_lack_of_room(disks):
    assert lack_of_room(BROKEN) == ""


def test_a_full_disk_is_named_whatever_the_report_says(disks):
    disks["/artifacts"].f_bavail = 3

    assert lack_of_room(BROKEN) == (
        "The disk of /artifacts (POLYREWARD_ARTIFACTS) is full: make room there, then retry the run."
    )


def test_a_disk_without_room_for_another_file_is_full(disks):
    disks["/runs"].f_favail = 0

    assert "/runs (POLYREWARD_RUNS)" in lack_of_room(BROKEN)


def test_a_read_only_disk_has_no_room_and_needs_none(disks):
    disks["/models"].f_bavail, disks["/models"].f_flag = 0, os.ST_RDONLY

    assert lack_of_room(BROKEN) == ""


def test_room_that_came_back_when_a_file_was_removed_is_still_named(disks):
    disks["/runs"].f_bavail = 10_000

    assert "/runs (POLYREWARD_RUNS)" in lack_of_room("OSError: [Errno 28] No space left on device")
