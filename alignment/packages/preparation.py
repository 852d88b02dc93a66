"""Making a directory once: whole or not at all, whoever else tries at the same time."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from alignment.progress import Progress, Step

WAIT_SECONDS = 2.0


def prepared_once(
    directory: Path, build: Callable[[Path], None], *, keep_partial: bool = False, progress: Progress
) -> Path:
    """Let `build` fill a new directory, then give it the name `directory`; at once where that exists already.

    A second process waits for the first and takes its result. keep_partial: what a failed `build` left is
    there again for the next one, so that a download goes on.
    """
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_name(f".{directory.name}.lock"))
    _acquire(lock, directory.name, progress)
    try:
        if not directory.is_dir():  # nobody made it while we waited
            _build(directory, build, keep_partial=keep_partial)
    finally:
        lock.release()
    return directory


def _build(directory: Path, build: Callable[[Path], None], *, keep_partial: bool) -> None:
    partial = directory.with_name(f".{directory.name}.partial")
    if not keep_partial:  # of a process that was killed
        shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(exist_ok=True)
    try:
        build(partial)
    except BaseException:
        if not keep_partial:
            shutil.rmtree(partial)
        raise
    partial.rename(directory)


def _acquire(lock: FileLock, name: str, progress: Progress) -> None:
    while True:
        try:
            lock.acquire(timeout=WAIT_SECONDS)
        except Timeout:
            progress(
                Step(done=0, total=1, unit="steps", text=f"Another process is preparing {name}; waiting.")
            )
        else:
            return
