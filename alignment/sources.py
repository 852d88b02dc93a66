"""How a person writes where a model comes from; nothing is loaded here, so that the site can check it too."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alignment.errors import AlignmentError

PACKAGE = "package:"
PACKAGE_NAMES = ("gemma3-270m", "multilingual-e5-small")  # the keys of alignment.packages.registry
TRIMMED = ("gemma3-270m",)  # those whose vocabulary is cut down to the languages in use
MOVING = {"main", "master", "HEAD"}


class SourceKind(StrEnum):
    """Where a checkpoint is before it is prepared."""

    DIRECTORY = "directory"
    PACKAGE = "package"
    HUB = "hub"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """name: a path, a package's key, or ORG/NAME on the hub; revision: of the hub, else ""."""

    kind: SourceKind
    name: str
    revision: str = ""

    def __str__(self) -> str:
        match self.kind:
            case SourceKind.DIRECTORY:
                return self.name
            case SourceKind.PACKAGE:
                return PACKAGE + self.name
            case SourceKind.HUB:
                return f"{self.name}@{self.revision}"


def is_trimmed(text: str) -> bool:
    """The languages in use decide which checkpoint this source gives."""
    return text.removeprefix(PACKAGE) in TRIMMED and text.startswith(PACKAGE)


def parse_source(text: str) -> ModelSource:
    """Read DIRECTORY, package:NAME or ORG/NAME@REVISION. Raises AlignmentError that says what to write."""
    if text.startswith(PACKAGE):
        name = text.removeprefix(PACKAGE)
        if name not in PACKAGE_NAMES:
            known = ", ".join(PACKAGE + name for name in PACKAGE_NAMES)
            raise AlignmentError(f"There is no {text}; choose one of: {known}.")
        return ModelSource(kind=SourceKind.PACKAGE, name=name)
    if Path(text).is_dir():
        return ModelSource(kind=SourceKind.DIRECTORY, name=text)
    hub = re.fullmatch(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", text)
    if hub is None:
        raise AlignmentError(
            f"{text!r} is no source: name a directory, package:NAME, or ORG/NAME@REVISION of the hub."
        )
    if hub["revision"] is None or hub["revision"] in MOVING:
        raise AlignmentError(
            f"{text!r} is no directory, and as a name on the hub it can change from day to day; "
            f"write {hub['name']}@REVISION with a commit hash or a tag."
        )
    return ModelSource(kind=SourceKind.HUB, name=hub["name"], revision=hub["revision"])
