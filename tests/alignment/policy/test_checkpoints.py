import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration

from alignment import sources
from alignment.errors import AlignmentError
from alignment.packages import registry
from alignment.packages.origin import Origin, write_origin
from alignment.policy.checkpoints import (
    load_backbone,
    load_policy,
    prepare,
    read_policy,
    resolve,
)
from alignment.sources import parse_source
from tests.alignment.conftest import SENTENCES, copy_of

FACTS = Origin(source="package:x", revision="x==1", licence="MIT", licence_url="", input_prefix="query: ")


def test_a_local_directory_is_resolved_in_place(tiny_policy: Path, tmp_path: Path):
    checkpoint = prepare(str(tiny_policy), ["de"], tmp_path)

    assert checkpoint.directory == tiny_policy
    assert (len(checkpoint.digest), checkpoint.licence, checkpoint.revision) == (64, "", "")


def test_a_copy_has_the_same_digest(tiny_policy: Path, tmp_path: Path):
    copy = copy_of(tiny_policy, tmp_path)

    assert prepare(str(copy), [], tmp_path).digest == prepare(str(tiny_policy), [], tmp_path).digest


def test_a_package_that_is_trimmed_asks_for_languages(tmp_path: Path):
    with pytest.raises(AlignmentError, match="Name the languages"):
        prepare("package:gemma3-270m", [], tmp_path)


@pytest.fixture
def package(tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package whose file is the path returned and whose conversion copies a checkpoint."""
    file = tmp_path / "file"
    file.write_text("weights")
    entry = registry.ModelPackage(
        key="tiny",
        distribution="pytest",
        licence="MIT",
        licence_url="https://example.org",
        unpack=lambda directory: file,
        input_sha256="9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
        write=lambda source, directory, languages, progress: shutil.copytree(
            tiny_encoder, directory, dirs_exist_ok=True
        ),
        trimmed=True,
        input_prefix="query: ",
    )
    monkeypatch.setitem(registry.PACKAGES, "tiny", entry)
    monkeypatch.setattr(sources, "PACKAGE_NAMES", ("tiny",))
    return file


def test_a_package_is_converted_into_a_directory_named_after_its_languages(package: Path, tmp_path: Path):
    checkpoint = prepare("package:tiny", ["es", "de", "es"], tmp_path / "models")

    assert checkpoint.directory == tmp_path / "models" / "tiny-de-es"
    assert (checkpoint.licence, checkpoint.revision) == ("MIT", f"pytest=={pytest.__version__}")


def test_a_second_call_converts_nothing(package: Path, tmp_path: Path):
    first = prepare("package:tiny", ["de"], tmp_path / "models")
    package.write_text("would be refused now")

    assert prepare("package:tiny", ["de"], tmp_path / "models") == first


def test_an_unknown_language_is_refused_before_anything_is_converted(package: Path, tmp_path: Path):
    with pytest.raises(AlignmentError, match="There is no language 'tlh'"):
        prepare("package:tiny", ["de", "tlh"], tmp_path / "models")

    assert not [path for path in (tmp_path / "models").iterdir() if path.is_dir()]


def test_a_package_with_another_file_is_refused(package: Path, tmp_path: Path):
    package.write_text("other weights")

    with pytest.raises(AlignmentError, match="another digest"):
        prepare("package:tiny", ["de"], tmp_path / "models")


def test_a_package_that_is_not_installed_is_named(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = replace(registry.PACKAGES["tiny"], tools=("no-such-distribution",))
    monkeypatch.setitem(registry.PACKAGES, "tiny", entry)

    with pytest.raises(AlignmentError, match="no-such-distribution is not installed"):
        prepare("package:tiny", ["de"], tmp_path / "models")


def test_many_languages_make_no_endless_name(package: Path):
    tags = [f"{first}{second}" for first in "abcdef" for second in "abcdefgh"]

    name = registry.PACKAGES["tiny"].directory_name(tags)

    assert name.startswith("tiny-48-languages-")
    assert name != registry.PACKAGES["tiny"].directory_name(tags[:-1])


def test_a_changed_conversion_is_not_used(package: Path, tmp_path: Path):
    directory = prepare("package:tiny", ["de"], tmp_path / "models").directory
    with (directory / "config.json").open("a") as file:
        file.write(" ")

    with pytest.raises(AlignmentError, match="delete the directory"):
        prepare("package:tiny", ["de"], tmp_path / "models")


def test_weights_that_were_changed_in_place_are_not_loaded(package: Path, tmp_path: Path):
    directory = prepare("package:tiny", ["de"], tmp_path / "models").directory
    weights = bytearray((directory / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (directory / "model.safetensors").write_bytes(weights)

    with pytest.raises(AlignmentError, match="delete the directory"):
        load_backbone(directory)


def test_a_policy_is_ready_to_write(tiny_policy: Path):
    policy, tokenizer = load_policy(tiny_policy)

    assert not policy.training
    assert tokenizer.padding_side == "left"
    assert policy.generation_config.eos_token_id == tokenizer.eos_token_id
    assert policy.generation_config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id


def test_a_policy_takes_the_asked_type(tiny_policy: Path):
    assert load_policy(tiny_policy).model.dtype == torch.float32
    assert load_policy(tiny_policy, dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_an_encoder_is_no_policy(tiny_encoder: Path):
    with pytest.raises(AlignmentError, match="cannot write responses"):
        load_policy(tiny_encoder)


def test_a_policy_serves_as_backbone_without_its_head(tiny_policy: Path):
    model, tokenizer, prefix = load_backbone(tiny_policy)

    with torch.no_grad():
        hidden = model(**tokenizer(SENTENCES[0], return_tensors="pt")).last_hidden_state

    assert hidden.shape[-1] == model.config.hidden_size
    assert (tokenizer.padding_side, prefix) == ("right", "")


def test_a_backbone_has_no_random_weights(tiny_encoder: Path):
    first, second = (load_backbone(tiny_encoder).model.state_dict() for _ in range(2))

    assert not any("pooler" in name for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_backbone_says_what_goes_before_its_inputs(tiny_encoder: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_encoder, tmp_path)
    write_origin(checkpoint, FACTS)

    assert load_backbone(checkpoint).input_prefix == "query: "


def test_an_encoder_decoder_is_refused(tiny_encoder: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_encoder, tmp_path)
    config = T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(checkpoint)

    for load in (load_policy, load_backbone):
        with pytest.raises(AlignmentError, match="choose a causal model or an encoder"):
            load(checkpoint)


def test_a_tokenizer_of_another_checkpoint_is_refused(tiny_encoder: Path, tiny_policy: Path, tmp_path: Path):
    checkpoint = copy_of(tiny_encoder, tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_policy / name, checkpoint / name)

    with pytest.raises(AlignmentError, match="belongs to another checkpoint"):
        load_backbone(checkpoint)


def test_resolving_twice_reads_the_files_once(tiny_policy: Path, monkeypatch: pytest.MonkeyPatch):
    first = resolve(parse_source(str(tiny_policy)), Path("unused"))

    monkeypatch.setattr("alignment.packages.files.file_digest", None)

    assert resolve(parse_source(str(tiny_policy)), Path("unused")) == first


def test_a_policy_can_be_described_without_its_weights(tiny_policy, tmp_path):
    chat = copy_of(tiny_policy, tmp_path)
    described = read_policy(chat)
    assert described.generation.eos_token_id == described.config.eos_token_id
    assert described.tokenizer.padding_side == "left"

    GenerationConfig(eos_token_id=[1, 7], suppress_tokens=[0]).save_pretrained(chat)

    assert read_policy(chat).generation.eos_token_id == [1, 7]
    assert read_policy(chat).generation.suppress_tokens == [0]


def test_an_encoder_is_not_described_as_a_policy(tiny_encoder):
    with pytest.raises(AlignmentError, match="no causal language model"):
        read_policy(tiny_encoder)
