"""Backups: the database and every artifact, with a manifest that says what must be in them."""

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from alignment.artifacts import ArtifactStore
from alignment.digests import file_digest
from alignment.errors import AlignmentError
from annotate.models import Run
from annotate.services import runs
from annotate.services.dumps import BackupError, dump, holds_rows, load
from annotate.version import code_version

FORMAT = 1
MANIFEST, DATABASE, ARTIFACTS = "manifest.json", "database", "artifacts"
ARCHIVE = ".tar"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a backup holds.

    vendor: of the database; database: the SHA-256 of its dump; counts: rows of each table;
    artifacts: bytes of each, by digest.
    """

    format: int
    version: str
    made_at: str
    vendor: str
    database: str
    migrations: list[str]
    counts: dict[str, int]
    artifacts: list[str]


class Made(NamedTuple):
    """A backup that was made; num_new: the artifacts that no earlier backup there had."""

    path: Path
    manifest: Manifest
    num_new: int


def back_up(target: Path, *, keep: int | None = None, now: datetime) -> Made:
    """Add a backup to the directory `target`, or write one to a file whose name ends in .tar.

    Artifacts are copied, once for all backups of a directory; links would break with what they should
    save. keep: only so many of the newest stay.
    """
    if target.suffix == ARCHIVE:
        return _back_up_to_file(target, now=now)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=target))
    try:
        counts = dump(partial / DATABASE)
        # After the dump: what its rows speak of was stored before they were written.
        digests, num_new = _copy_artifacts(Path(settings.ARTIFACTS), target / ARTIFACTS)
        manifest = _manifest(partial / DATABASE, counts, digests, now)
        (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        place = partial.rename(target / now.strftime("%Y-%m-%dT%H-%M-%S.%fZ"))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if keep:
        for old in _backups_in(target)[:-keep]:
            shutil.rmtree(old)
    return Made(place, manifest, num_new)


def restore(source: Path, *, replace: bool) -> Manifest:
    """Put a backup, or the newest of a directory, in the place of the database, and add its artifacts.

    Nobody may be at work meanwhile. What was under way when the backup was made is queued again.
    replace: even where the database has rows. Raises BackupError before anything is changed.
    """
    with _opened(source) as place:
        manifest = _read_manifest(place)
        _check_vendor_and_migrations(manifest)
        if not replace and holds_rows():
            raise BackupError(
                "The database is not empty: name an empty one, or add --replace to lose what it has."
            )
        _check_digests(place, manifest)
        _copy_artifacts(place.parent / ARTIFACTS, Path(settings.ARTIFACTS), only=manifest.artifacts)
        load(place / DATABASE, manifest.counts)
    call_command("migrate", verbosity=0)
    _queue_what_was_under_way(datetime.fromisoformat(manifest.made_at))
    return manifest


def _back_up_to_file(file: Path, *, now: datetime) -> Made:
    with tempfile.TemporaryDirectory(prefix=f"{file.name}.partial-", dir=file.parent) as beside:
        whole = Path(beside) / "backup"
        made = back_up(whole, now=now)
        archive = Path(beside) / file.name
        archive.touch(mode=0o600)
        with tarfile.open(archive, "w") as writing:
            writing.add(whole, arcname=".")
        return made._replace(path=archive.rename(file))


@contextmanager
def _opened(source: Path) -> Iterator[Path]:
    """The directory of one backup, beside the artifacts that it needs."""
    if source.is_file() and tarfile.is_tarfile(source):
        with tempfile.TemporaryDirectory(prefix=f"{source.name}.opened-", dir=source.parent) as beside:
            with tarfile.open(source) as reading:
                reading.extractall(beside, filter="data")  # noqa: S202 (the filter keeps it inside)
            yield _newest(Path(beside))
    elif (source / MANIFEST).is_file():
        yield source
    else:
        yield _newest(source)


def _newest(directory: Path) -> Path:
    backups = _backups_in(directory)
    if not backups:
        raise BackupError(
            f"There is no backup at {directory}; name a directory or file that backup has written."
        )
    return backups[-1]


def _backups_in(directory: Path) -> list[Path]:
    """Oldest first, by their names."""
    return sorted(path.parent for path in directory.glob(f"[0-9]*/{MANIFEST}"))


def _manifest(database: Path, counts: dict[str, int], digests: list[str], now: datetime) -> Manifest:
    applied = MigrationRecorder(connection).applied_migrations()
    return Manifest(
        format=FORMAT,
        version=code_version(),
        made_at=now.isoformat(),
        vendor=connection.vendor,
        database=file_digest(database),
        migrations=sorted(".".join(key) for key in applied),
        counts=counts,
        artifacts=digests,
    )


def _read_manifest(place: Path) -> Manifest:
    try:
        values = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise BackupError(f"{place} was made by another version of Polyreward: restore it with that one.")
        return Manifest(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{place / MANIFEST} cannot be read; use another backup.") from error


def _check_vendor_and_migrations(manifest: Manifest) -> None:
    if manifest.vendor != connection.vendor:
        raise BackupError(
            f"This backup is of a database of the kind {manifest.vendor}, not {connection.vendor}: "
            "set DATABASE_URL to one of its kind."
        )
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations or {}}
    if unknown := sorted(set(manifest.migrations) - known):
        raise BackupError(
            f"This backup has {unknown[0]}, which this version lacks: upgrade Polyreward first."
        )


def _check_digests(place: Path, manifest: Manifest) -> None:
    if file_digest(place / DATABASE) != manifest.database:
        raise BackupError(f"{place / DATABASE} was changed after the backup was made; use another backup.")
    store = ArtifactStore(place.parent / ARTIFACTS)
    try:
        for digest in manifest.artifacts:
            store.verify(digest)
    except AlignmentError as error:
        raise BackupError(f"{error} Or use another backup.") from error


def _copy_artifacts(source: Path, target: Path, *, only: list[str] | None = None) -> tuple[list[str], int]:
    """Copy what the target lacks. Returns the digests of all, and how many were new."""
    reading, writing = ArtifactStore(source), ArtifactStore(target)
    digests = reading.digests() if only is None else only
    new = sorted(set(digests) - set(writing.digests()))
    for digest in new:
        path = reading.path(digest)
        if writing.put(path).digest != digest:
            raise BackupError(
                f"{path} was changed after it was stored: remove it and run again what made it."
            )
    return digests, len(new)


def _queue_what_was_under_way(now: datetime) -> None:
    """Whatever worked then no longer does, and the broken attempts do not count."""
    for worker in set(Run.objects.filter(status=Run.Status.RUNNING).values_list("worker", flat=True)):
        runs.release(worker, now=now)
