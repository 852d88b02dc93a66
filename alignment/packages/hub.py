"""A checkpoint from the Hugging Face hub, at one revision, as a directory that needs the hub no more."""

import shutil
from pathlib import Path

from huggingface_hub import HfApi, metadata_load, snapshot_download

from alignment.errors import AlignmentError
from alignment.packages.files import PATTERNS, check_files
from alignment.packages.origin import Origin, write_origin

HUB = "https://huggingface.co"
CARD = "README.md"

# Backbones trained with a word before each input (their cards say so), by the beginning of their names.
INPUT_PREFIXES = {"intfloat/multilingual-e5-": "query: ", "intfloat/e5-": "query: "}


def download(repository: str, revision: str, directory: Path) -> None:
    """Fill `directory` with the checkpoint's files; what is there already is not fetched again.

    Raises AlignmentError when there is no such repository or revision, it may not be read, the hub cannot
    be reached, or the files are no checkpoint in safetensors.
    """
    try:
        commit = HfApi().model_info(repository, revision=revision).sha or revision
        snapshot_download(
            repository,
            revision=commit,
            local_dir=directory,
            allow_patterns=[*PATTERNS, CARD],
            ignore_patterns=["*/*"],  # exports to other runtimes
        )
    except (OSError, ValueError) as error:  # the hub's errors are of both kinds
        reason = str(error).strip().split("\n")[0]
        raise AlignmentError(
            f"{repository}@{revision} could not be fetched from the hub; check the name, the revision, "
            f"your access and the network, or give a local directory instead. ({reason})"
        ) from error
    shutil.rmtree(directory / ".cache", ignore_errors=True)  # the download's own bookkeeping
    check_files(directory)
    write_origin(directory, _origin(repository, commit, directory))


def card_licence(directory: Path) -> str:
    """The licence that the card beside a checkpoint names; "" where it names none."""
    card = directory / CARD
    facts = (metadata_load(card) if card.is_file() else None) or {}
    return str(facts.get("license_name") or facts.get("license") or "")


def _origin(repository: str, commit: str, directory: Path) -> Origin:
    prefixes = (prefix for name, prefix in INPUT_PREFIXES.items() if repository.startswith(name))
    return Origin(
        source=f"{repository}@{commit}",
        revision=commit,
        licence=card_licence(directory),
        licence_url=f"{HUB}/{repository}/blob/{commit}/{CARD}",
        input_prefix=next(prefixes, ""),
    )
