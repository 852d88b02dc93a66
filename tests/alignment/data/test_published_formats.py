"""The readers of published sets, on lines like theirs."""

from collections import Counter

import pytest

from alignment.data.formats import oasst1, xed
from alignment.data.formats.format import Defaults
from alignment.data.formats.registry import FORMATS, format_named
from alignment.errors import AlignmentError
from alignment.records import Preference, Prompt, Rating


def pair(prompt: str, language: str = "en", **more: str) -> dict[str, str]:
    return {"language": language, "prompt": prompt, "chosen": "c", "rejected": "r", **more}


def splits(prompts: list[str]) -> list[str]:
    parse = oasst1.start(Defaults(dataset="oasst1"))
    return [parse(number, pair(prompt)).prompt.split for number, prompt in enumerate(prompts, start=1)]


def test_an_xed_line_is_a_rating_without_prompt():
    line = {"language": "tr", "response": "Hadi.", "good": False, "split": "test", "aligned_en": "Come on."}

    rating = xed.start(Defaults(dataset="xed"))(1, line)

    prompt = Prompt(text="", language="tr", dataset="xed", split="test")
    assert rating == Rating(prompt=prompt, response="Hadi.", good=False)


def test_an_xed_line_without_judgment_is_refused():
    with pytest.raises(AlignmentError, match="label"):
        xed.start(Defaults(dataset="xed"))(1, {"language": "tr", "response": "Hadi."})


def test_an_oasst1_line_is_a_preference():
    preference = oasst1.start(Defaults(dataset="oasst1"))(1, pair("Why?", "fi"))

    split = oasst1.split_of(1)
    prompt = Prompt(text="Why?", language="fi", dataset="oasst1", split=split)
    assert preference == Preference(prompt=prompt, chosen="c", rejected="r")


def test_all_pairs_of_a_prompt_are_in_one_split():
    prompts = [f"prompt {number // 5}" for number in range(500)]

    found = splits(prompts)

    assert len(set(zip(prompts, found, strict=True))) == 100


def test_a_translation_is_in_the_split_of_its_original():
    original = [f"prompt {number // 3}" for number in range(300)]
    translation = [f"kysymys {number // 3}" for number in range(300)]

    assert splits(original) == splits(translation)


def test_a_broken_line_does_not_move_the_split_of_the_others():
    parse = oasst1.start(Defaults(dataset="oasst1"))
    first, second = 6, 7
    assert oasst1.split_of(first) != oasst1.split_of(second)

    with pytest.raises(AlignmentError):
        parse(first, pair("a", chosen="r"))

    assert parse(second, pair("a")).prompt.split == oasst1.split_of(first)


def test_splits_have_about_the_shares_that_are_promised():
    shares = Counter(oasst1.split_of(number) for number in range(10_000))

    assert 6800 < shares["train"] < 7200
    assert 850 < shares["validation"] < 1150
    assert 1800 < shares["test"] < 2200


def test_a_format_is_found_by_its_key():
    assert [format_named(key).key for key in FORMATS] == ["jsonl", "xed", "oasst1"]


def test_an_unknown_format_is_answered_with_the_known_ones():
    with pytest.raises(AlignmentError, match="jsonl, xed, oasst1"):
        format_named("csv")
