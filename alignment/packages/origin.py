"""ORIGIN.json: where a prepared checkpoint comes from, its licence, and the digests of its files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.packages.files import checkpoint_digest, checkpoint_files, file_digests

ORIGIN = "ORIGIN.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What is known about a checkpoint.

    source: as a person writes it; revision: a package's version or a commit.
    licence, licence_url: the name, and where to read it ("" where unknown).
    input_digest: SHA-256 of the one file it was converted from; "" where it was not converted.
    languages: those that the vocabulary was trimmed to; () where it is whole.
    input_prefix: goes before every input of a backbone that was trained with one.
    """

    source: str
    revision: str
    licence: str
    licence_url: str
    input_digest: str = ""
    languages: tuple[str, ...] = ()
    input_prefix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedOrigin:
    """An origin with what the directory held when it was written.

    digests: SHA-256 by file name; sizes: bytes by file name.
    """

    origin: Origin
    digests: Mapping[str, str]
    sizes: Mapping[str, int]

    @property
    def digest(self) -> str:
        return checkpoint_digest(self.digests)


def write_origin(directory: Path, origin: Origin) -> None:
    """Record the origin and the files as they are now."""
    files = {
        name: {"sha256": digest, "bytes": (directory / name).stat().st_size}
        for name, digest in file_digests(directory).items()
    }
    text = json.dumps({**asdict(origin), "files": files}, ensure_ascii=False, indent=2)
    (directory / ORIGIN).write_text(text + "\n", encoding="utf-8")


def read_origin(directory: Path) -> RecordedOrigin | None:
    """None where the directory was not prepared here. Raises AlignmentError when the record is broken."""
    path = directory / ORIGIN
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        files = record.pop("files")
        languages = tuple(record.pop("languages"))
        return RecordedOrigin(
            origin=Origin(languages=languages, **record),
            digests={name: facts["sha256"] for name, facts in files.items()},
            sizes={name: facts["bytes"] for name, facts in files.items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _changed(directory) from error


def check_sizes(directory: Path, record: RecordedOrigin) -> None:
    """Raises AlignmentError when a file is missing, added or of another size: a matter of milliseconds."""
    if {path.name: path.stat().st_size for path in checkpoint_files(directory)} != record.sizes:
        raise _changed(directory)


def check_contents(directory: Path, record: RecordedOrigin) -> None:
    """Raises AlignmentError when a file's digest is another; reads every file, once per process."""
    if file_digests(directory) != record.digests:
        raise _changed(directory)


def _changed(directory: Path) -> AlignmentError:
    return AlignmentError(
        f"{directory} is no longer what its {ORIGIN} recorded; delete the directory and it is prepared again."
    )
