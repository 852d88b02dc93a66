"""A store of files and directories, each named by the SHA-256 of its content and written whole."""

import hashlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from alignment.digests import file_digest, text_digest
from alignment.errors import AlignmentError
from alignment.jsonl import write_records
from alignment.shared_files import CHUNK, SharedFiles

DIGEST = re.compile(r"[0-9a-f]{64}")


class Stored(NamedTuple):
    """What the store knows of a content: its SHA-256 and its size."""

    digest: str
    num_bytes: int


class ArtifactStore:
    """Contents live in ROOT/ab/abcd…/NAME, read only; NAME is what the first to store it called it.

    The digest of a file is the SHA-256 of its bytes; that of a directory is the SHA-256 over the relative
    names and digests of its files, sorted by name. Equal files of several directories are one file, linked
    from ROOT/files too. Any number of processes may write at once.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shared = SharedFiles(root / "files")

    def put(self, path: Path, *, alive: Callable[[], None] = lambda: None) -> Stored:
        """Copy a file or a directory into the store. Idempotent.

        `alive` is called after each few megabytes, so that a long copy can be told from a hung one.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=self.root))
        try:
            stored = self._copy(path, partial / path.name, alive)
            _rename(partial, self._place(stored.digest))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return stored

    def put_lines(self, name: str, records: Iterable[Any]) -> Stored:
        """Freeze records as a JSON Lines file called `name`."""
        with tempfile.TemporaryDirectory(prefix="polyreward-") as directory:
            path = Path(directory) / name
            write_records(path, records)
            return self.put(path)

    def remove_abandoned(self, *, untouched_since: float) -> int:
        """Remove what was being stored when its process was killed. Returns how many contents that were.

        untouched_since: seconds since the epoch. Whoever is still copying touches its files all the time.
        """
        abandoned = [path for path in self.root.glob("partial-*") if _touched_at(path) < untouched_since]
        for path in abandoned:
            shutil.rmtree(path, ignore_errors=True)
        return len(abandoned)

    def path(self, digest: str) -> Path:
        """Where a content lies. Raises AlignmentError when the store does not have it."""
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256 in hexadecimal.")
        place = self._place(digest)
        if not place.is_dir():
            raise AlignmentError(
                f"The artifact {digest} is not under {self.root}: run again what made it, or mount the store."
            )
        (content,) = place.iterdir()
        return content

    def digests(self) -> list[str]:
        """The names of all contents, sorted."""
        return sorted(path.name for path in self.root.glob("??/*") if DIGEST.fullmatch(path.name))

    def verify(self, digest: str) -> Path:
        """Find a content and read it whole. Raises AlignmentError when it is no longer what was stored."""
        path = self.path(digest)
        actual = _directory_digest(path) if path.is_dir() else file_digest(path)
        if actual != digest:
            raise AlignmentError(f"{path} was changed after it was stored: remove it and make it again.")
        return path

    def _place(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def _copy(self, source: Path, target: Path, alive: Callable[[], None]) -> Stored:
        if not source.is_dir():
            return _copy_file(source, target, alive)
        names = _names(source)
        if not names:
            raise ValueError(f"{source} has no files to store.")
        copies = {}
        for name in names:
            copies[name] = _copy_file(source / name, target / name, alive)
            self.shared.share(target / name, copies[name].digest, alive=alive)
        digest = _combined({name: copy.digest for name, copy in copies.items()})
        return Stored(digest, sum(copy.num_bytes for copy in copies.values()))


def _copy_file(source: Path, target: Path, alive: Callable[[], None]) -> Stored:
    target.parent.mkdir(parents=True, exist_ok=True)
    sha256, num_bytes = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("xb") as writing:
        while chunk := reading.read(CHUNK):
            sha256.update(chunk)
            num_bytes += writing.write(chunk)
            alive()
        writing.flush()
        os.fchmod(writing.fileno(), 0o444)
        os.fsync(writing.fileno())
    return Stored(sha256.hexdigest(), num_bytes)


def _rename(partial: Path, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    partial.chmod(0o755)
    try:
        partial.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        return  # the same content is there already
    for directory in (place, place.parent):
        _sync_directory(directory)


def _touched_at(directory: Path) -> float:
    """When anything in a directory was last written; never, as it were, where it goes away meanwhile."""
    try:
        return max(path.stat().st_mtime for path in (directory, *directory.rglob("*")))
    except FileNotFoundError:
        return math.inf


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def _directory_digest(directory: Path) -> str:
    return _combined({name: file_digest(directory / name) for name in _names(directory)})


def _combined(digests: dict[str, str]) -> str:
    return text_digest(*(part for name in sorted(digests) for part in (name, digests[name])))
