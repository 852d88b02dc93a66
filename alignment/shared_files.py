"""Equal files share their bytes: each is a hard link to the one in a pool that is named by its SHA-256."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

CHUNK = 2**22  # bytes
# The file system has no hard links, or this file has as many as it can; or somebody tidied the pool just now.
CANNOT_LINK = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.ENOENT}


class SharedFiles:
    """The pool lies in ROOT/ab/abcd…; a file there with one link belongs to nothing any more."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def share(self, path: Path, digest: str, *, alive: Callable[[], None]) -> None:
        """Make `path`, whose SHA-256 is `digest`, one file with the pool's; it stays a copy where it cannot.

        The pool's file is read first: if somebody changed it, `path` takes its place.
        """
        place = self.root / digest[:2] / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        is_whole = place.is_file() and digest_of(place, alive=alive) == digest
        try:
            _link(place, path) if is_whole else _link(path, place)
        except OSError as error:
            if error.errno not in CANNOT_LINK:
                raise


def digest_of(path: Path, *, alive: Callable[[], None]) -> str:
    """SHA-256 of a file; `alive` is called after each few megabytes."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            alive()
    return sha256.hexdigest()


def _link(present: Path, name: Path) -> None:
    """Give a present file another name, which some file may have until now."""
    fresh = name.with_name(f".{name.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.hardlink_to(present)
    try:
        fresh.replace(name)
    finally:
        fresh.unlink(missing_ok=True)  # replace does nothing where both are one file already
