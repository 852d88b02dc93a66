import shutil
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from alignment.errors import AlignmentError
from alignment.packages import hub
from alignment.policy.checkpoints import load_backbone, resolve
from alignment.sources import parse_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = "---\nlicense: mit\n---\nA card."


@pytest.fixture
def remote(tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository on the hub, as a directory; what is asked for comes from there."""
    repository = tmp_path / "remote"
    shutil.copytree(tiny_encoder, repository)
    (repository / "README.md").write_text(CARD)

    def snapshot(
        name: str, *, revision: str, local_dir: Path, allow_patterns: list[str], ignore_patterns: list[str]
    ) -> None:
        assert revision == COMMIT
        for path in repository.rglob("*"):
            relative = str(path.relative_to(repository))
            wanted = any(fnmatch(relative, pattern) for pattern in allow_patterns)
            if wanted and not any(fnmatch(relative, pattern) for pattern in ignore_patterns):
                shutil.copy(path, local_dir)

    api = SimpleNamespace(model_info=lambda name, *, revision: SimpleNamespace(sha=COMMIT))
    monkeypatch.setattr(hub, "HfApi", lambda: api)
    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    return repository


def test_a_revision_of_the_hub_becomes_a_directory_with_its_origin(remote: Path, tmp_path: Path):
    checkpoint = resolve(parse_source("some/encoder@v1.0"), tmp_path / "models")

    assert checkpoint.directory == tmp_path / "models" / "some--encoder@v1.0"
    assert (checkpoint.revision, checkpoint.licence) == (COMMIT, "mit")
    assert load_backbone(checkpoint.directory).input_prefix == ""


def test_the_hub_is_asked_once(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = parse_source("some/encoder@v1.0")
    first = resolve(source, tmp_path / "models")

    monkeypatch.setattr(hub, "HfApi", None)

    assert resolve(source, tmp_path / "models") == first


def test_code_and_pickles_are_not_even_fetched(remote: Path, tmp_path: Path):
    for name in ("pytorch_model.bin", "modeling_own.py", "onnx/quantised.safetensors"):
        (remote / name).parent.mkdir(exist_ok=True)
        (remote / name).write_bytes(b"x")

    directory = resolve(parse_source("some/encoder@v1.0"), tmp_path / "models").directory

    assert {path.name for path in directory.iterdir()} == {
        "README.md",
        "ORIGIN.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_a_repository_without_safetensors_is_refused_and_leaves_nothing(remote: Path, tmp_path: Path):
    (remote / "model.safetensors").rename(remote / "pytorch_model.bin")

    with pytest.raises(AlignmentError, match="no model.safetensors"):
        resolve(parse_source("some/encoder@v1.0"), tmp_path / "models")

    assert not (tmp_path / "models" / "some--encoder@v1.0").exists()


def test_the_prefix_that_e5_was_trained_with_is_recorded(remote: Path, tmp_path: Path):
    directory = resolve(parse_source("intfloat/multilingual-e5-base@v1.0"), tmp_path / "models").directory

    assert load_backbone(directory).input_prefix == "query: "


def test_an_unreachable_hub_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(name: str, *, revision: str) -> None:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(hub, "HfApi", lambda: SimpleNamespace(model_info=unreachable))

    with pytest.raises(AlignmentError, match="could not be fetched from the hub.*no connection"):
        resolve(parse_source("some/encoder@v1.0"), tmp_path / "models")
