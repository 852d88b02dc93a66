"""A full disk, told from other failures, and the directory that needs room."""

import os
from pathlib import Path

from django.conf import settings

LEAST_BYTES = 2**20  # with less than this nothing that a run writes fits
SYMPTOMS = ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122")
PLACES = {"POLYREWARD_RUNS": "RUNS", "POLYREWARD_ARTIFACTS": "ARTIFACTS", "POLYREWARD_MODELS": "MODELS"}


def lack_of_room(report: str) -> str:
    """The sentence to show in place of a failure's report if a disk was full; "" if none was.

    Libraries hide the reason of a failed write, and a log on a full disk lacks its end: so the disks are
    asked, too. A quota does not show there; the disk with the least room is named then.
    """
    places = {name: Path(getattr(settings, setting)) for name, setting in PLACES.items()}
    room = {name: num_bytes for name, path in places.items() if (num_bytes := _room(path)) is not None}
    fullest = min(room, key=lambda name: room[name], default=None)
    if fullest is None:
        return ""
    if room[fullest] >= LEAST_BYTES and not any(symptom in report for symptom in SYMPTOMS):
        return ""
    return f"The disk of {places[fullest]} ({fullest}) is full: make room there, then retry the run."


def _room(directory: Path) -> int | None:
    """The bytes that can still be written below a directory; None where it is read only."""
    status = os.statvfs(directory)
    if status.f_flag & os.ST_RDONLY:
        return None
    if status.f_files and not status.f_favail:
        return 0  # no file can be made, however much room there is
    return status.f_bavail * status.f_frsize
