import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from alignment.packages.gemma3_270m import with_vocabulary
from alignment.packages.vocabulary import closed_under_merges, trimmed
from tests.alignment.conftest import SENTENCES

TEXT = st.lists(st.sampled_from(" ".join(SENTENCES).split()), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def whole(tiny_policy: Path) -> dict[str, Any]:
    return json.loads((tiny_policy / "tokenizer.json").read_text())


def pieces_of(whole: dict[str, Any], sentences: tuple[str, ...]) -> set[str]:
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    pieces = {piece for sentence in sentences for piece in tokenizer.encode(sentence).tokens}
    single = {piece for piece in whole["model"]["vocab"] if len(piece) == 1}
    return pieces | single | {token["content"] for token in whole["added_tokens"]}


def ranks(*merges: str) -> dict[tuple[str, str], int]:
    return {(left, right): rank for rank, (left, right) in enumerate(merge.split() for merge in merges)}


def test_the_pieces_on_the_way_to_a_piece_are_kept():
    assert closed_under_merges({"abc"}, ranks("b c", "a b", "a bc", "ab c")) == {"a", "b", "c", "bc", "abc"}


def test_the_merge_of_lowest_rank_comes_first():
    assert closed_under_merges({"abc"}, ranks("a b", "b c", "a bc", "ab c")) == {"a", "b", "c", "ab", "abc"}


def test_a_token_that_no_merge_makes_is_kept_alone():
    assert closed_under_merges({"<bos>"}, ranks("a b")) == {"<bos>"}


def test_a_piece_that_does_not_exist_is_refused(whole: dict[str, Any]):
    with pytest.raises(ValueError, match="no pieces"):
        trimmed(whole, pieces_of(whole, SENTENCES) | {"no such piece"})


@given(text=TEXT)
def test_text_whose_pieces_are_kept_is_segmented_as_before(whole: dict[str, Any], text: str):
    kept = pieces_of(whole, SENTENCES[:6])
    before = Tokenizer.from_str(json.dumps(whole)).encode(text).tokens
    after = Tokenizer.from_str(json.dumps(trimmed(whole, kept).tokenizer)).encode(text).tokens

    assert after == before or not set(before) <= kept


@given(text=st.text())
def test_any_text_survives(whole: dict[str, Any], text: str):
    tokenizer = Tokenizer.from_str(json.dumps(trimmed(whole, pieces_of(whole, SENTENCES[:4])).tokenizer))

    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_ids_are_dense_and_keep_their_order(whole: dict[str, Any]):
    tokenizer, old_ids = trimmed(whole, pieces_of(whole, SENTENCES[:4]))

    assert sorted(tokenizer["model"]["vocab"].values()) == list(range(len(old_ids)))
    assert all(first < second for first, second in pairwise(old_ids))
    assert len(old_ids) < len(whole["model"]["vocab"])


def test_kept_pieces_get_the_logits_they_had(whole: dict[str, Any], tiny_policy: Path):
    tokenizer_json, old_ids = trimmed(whole, pieces_of(whole, SENTENCES[:4]))
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json))
    new = torch.tensor([tokenizer.encode(SENTENCES[1]).ids])
    old = torch.tensor(old_ids)[new]
    policy = AutoModelForCausalLM.from_pretrained(tiny_policy).eval()

    with torch.no_grad():
        before = policy(old).logits[..., old_ids]
        after = with_vocabulary(policy, old_ids)(new).logits

    assert torch.equal(before, after)
    assert policy.config.vocab_size == len(old_ids)
