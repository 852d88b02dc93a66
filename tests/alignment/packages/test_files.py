import json
import os
from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from alignment.packages.files import check_files, checkpoint_digest, file_digests
from tests.alignment.conftest import copy_of


def test_a_whole_checkpoint_passes(tiny_policy: Path, tiny_encoder: Path):
    check_files(tiny_policy)
    check_files(tiny_encoder)


def test_a_missing_directory_is_refused(tmp_path: Path):
    with pytest.raises(AlignmentError, match="There is no directory"):
        check_files(tmp_path / "nowhere")


def test_pickled_weights_alone_are_refused(tiny_policy: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_policy, tmp_path)
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")

    with pytest.raises(AlignmentError, match="no model.safetensors"):
        check_files(checkpoint)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_checkpoint_that_brings_code_is_refused(tiny_policy: Path, tmp_path: Path, name: str):
    checkpoint = copy_of(tiny_policy, tmp_path)
    config = json.loads((checkpoint / name).read_text())
    (checkpoint / name).write_text(json.dumps({**config, "auto_map": {"AutoConfig": "code.Config"}}))

    with pytest.raises(AlignmentError, match="run code"):
        check_files(checkpoint)


def test_a_missing_shard_is_refused(tiny_policy: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_policy, tmp_path)
    (checkpoint / "model.safetensors").rename(checkpoint / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))

    with pytest.raises(AlignmentError, match="lacks a part of the weights, model-00002-of-00002"):
        check_files(checkpoint)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_missing_file_is_named(tiny_policy: Path, tmp_path: Path, name: str):
    checkpoint = copy_of(tiny_policy, tmp_path)
    (checkpoint / name).unlink()

    with pytest.raises(AlignmentError, match=name):
        check_files(checkpoint)


def test_a_broken_configuration_is_refused(tiny_policy: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_policy, tmp_path)
    (checkpoint / "config.json").write_text("{")

    with pytest.raises(AlignmentError, match="is not JSON"):
        check_files(checkpoint)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_the_digest_covers_weights_configuration_and_tokenizer(tiny_policy: Path, tmp_path: Path, name: str):
    checkpoint = copy_of(tiny_policy, tmp_path)
    before = checkpoint_digest(file_digests(checkpoint))

    changed = bytearray((checkpoint / name).read_bytes())
    changed[-2] ^= 1
    (checkpoint / name).write_bytes(changed)

    assert checkpoint_digest(file_digests(checkpoint)) != before


def test_the_digest_ignores_place_time_and_cards(tiny_policy: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_policy, tmp_path)
    (checkpoint / "README.md").write_text("A card.")
    os.utime(checkpoint / "config.json", (0, 0))

    assert checkpoint_digest(file_digests(checkpoint)) == checkpoint_digest(file_digests(tiny_policy))
