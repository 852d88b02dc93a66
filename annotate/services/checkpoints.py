"""What the site can tell of a policy or backbone without loading it: whether it is there, and its size."""

from pathlib import Path

from django.conf import settings

from alignment.errors import AlignmentError
from alignment.footprint import num_parameters, source_parameters
from alignment.packages.files import check_files, checkpoint_files
from alignment.sources import ModelSource, SourceKind, parse_source
from annotate.needs import ModelSize

WIDEST_HALF = 3  # bytes for a parameter; more than that is float32


def problem_of(source_text: str) -> str:
    """Why a model cannot be used, as far as this machine can tell; "" where it can.

    Packages and names on the hub are looked for by the worker that needs them.
    """
    try:
        source = parse_source(source_text)
        if source.kind is SourceKind.DIRECTORY:
            check_files(Path(source.name))
    except AlignmentError as error:
        return str(error)
    return ""


def policy_size(source_text: str) -> ModelSize:
    """Of a policy, which is loaded as it is stored. The number is 0 where nobody knows it yet."""
    try:
        source = parse_source(source_text)
        number = _num_parameters(source)
        width = num_bytes(source_text) / number if number else 0
    except (AlignmentError, OSError):
        return ModelSize()
    return ModelSize(number, "float32" if width > WIDEST_HALF else "bfloat16")


def backbone_size(source_text: str) -> ModelSize:
    """Of a backbone, which is computed with in float32. The number is 0 where nobody knows it yet."""
    return ModelSize(policy_size(source_text).num_parameters, "float32")


def num_bytes(source_text: str) -> int:
    """On disk; 0 where it is not in a directory yet."""
    try:
        directory = _directory(parse_source(source_text))
    except AlignmentError:
        return 0
    return sum(path.stat().st_size for path in checkpoint_files(directory)) if directory else 0


def _num_parameters(source: ModelSource) -> int:
    directory = _directory(source)
    return num_parameters(directory) if directory else source_parameters(source) or 0


def _directory(source: ModelSource) -> Path | None:
    """Where its files are: its own directory, or the one that a worker fetched it into."""
    match source.kind:
        case SourceKind.DIRECTORY:
            directory = Path(source.name)
        case SourceKind.HUB:
            directory = Path(settings.MODELS) / f"{source.name}@{source.revision}".replace("/", "--")
        case SourceKind.PACKAGE:
            return None  # trimmed to other languages, it lies in another directory
    return directory if directory.is_dir() else None
