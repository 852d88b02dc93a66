"""The files that make up a checkpoint: which they are, what may not be among them, and their digests."""

import json
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from alignment.digests import file_digest, text_digest
from alignment.errors import AlignmentError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# Weights, configuration and tokenizer. Nothing here can hold code, as pickled weights (*.bin, *.pt) can.
PATTERNS = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "source.spm",
    "target.spm",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "vocab.*")


def checkpoint_files(directory: Path) -> list[Path]:
    """The files of the checkpoint, by name; others (a card, an optimizer's state) do not belong to it."""
    return sorted(path for path in directory.iterdir() if any(fnmatch(path.name, name) for name in PATTERNS))


def file_digests(directory: Path) -> dict[str, str]:
    """SHA-256 of each file of the checkpoint. A file that has not changed is read once per process."""
    return {path.name: _digest_once(path, *_stamp(path)) for path in checkpoint_files(directory)}


def checkpoint_digest(digests: Mapping[str, str]) -> str:
    """One SHA-256 for a checkpoint, from the names and digests of its files."""
    return text_digest(*(f"{name} {digest}" for name, digest in sorted(digests.items())))


def check_files(directory: Path) -> None:
    """Raises AlignmentError unless this is a whole checkpoint, in safetensors and without code."""
    if not directory.is_dir():
        raise AlignmentError(f"There is no directory {directory}; name one that holds a checkpoint.")
    for name in ("config.json", "tokenizer_config.json"):
        if "auto_map" in _read_json(directory / name):
            raise AlignmentError(
                f"{directory / name} asks to run code that comes with the checkpoint, which is never done; "
                "choose a checkpoint that transformers supports by itself."
            )
    _check_weights(directory)
    if not any(any(directory.glob(name)) for name in TOKENIZERS):
        raise AlignmentError(f"{directory} has no tokenizer; save it beside the weights (tokenizer.json).")


def _check_weights(directory: Path) -> None:
    if not (directory / "config.json").is_file():
        raise AlignmentError(f"{directory} has no config.json, so it holds no checkpoint.")
    if not any((directory / name).is_file() for name in WEIGHTS):
        raise AlignmentError(
            f"{directory} has no model.safetensors; other formats can hide code and are not read, "
            "so save the weights again as safetensors (save_pretrained does)."
        )
    shards = set(_read_json(directory / WEIGHTS[1]).get("weight_map", {}).values())
    missing = sorted(name for name in shards if not (directory / name).is_file())
    if missing:
        raise AlignmentError(f"{directory} lacks a part of the weights, {missing[0]}; copy it whole.")


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file of JSON; empty where there is no file."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AlignmentError(f"{path} is not JSON ({error}); copy the checkpoint again.") from error
    if not isinstance(value, dict):
        raise AlignmentError(f"{path} must hold one JSON object; copy the checkpoint again.")
    return value


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _digest_once(path: Path, size: int, modified: int) -> str:
    """size and modified are there so that a changed file is read again."""
    return file_digest(path)
