"""The example data that ships with the site: counts, balance, and no way to guess a label without reading."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

import annotate
from alignment.jsonl import read_records
from alignment.languages import Identifier
from alignment.records import Prompt, Rating

SAMPLE = Path(annotate.__file__).parent / "sample"
SMALL = {"train": 20, "validation": 10, "test": 30}
RATED = {
    "en": {"train": 240, "validation": 30, "test": 30},
    **dict.fromkeys(("de", "es", "ru", "tr", "vi"), SMALL),
    "ar": {"test": 20},
}
OPENINGS = {**dict.fromkeys(RATED, 24), "ar": 12}
each_language = pytest.mark.parametrize("language", RATED)


def ratings(language: str, split: str = "") -> list[Rating]:
    lines = read_records(SAMPLE / f"ratings.{language}.jsonl", Rating.from_json)
    return [line for line in lines if split in ("", line.prompt.split)]


def openings(language: str) -> list[Prompt]:
    return read_records(SAMPLE / f"openings.{language}.jsonl", Prompt.from_json)


def texts_by_label(lines: list[Rating]) -> tuple[list[str], list[str]]:
    good = [line.response for line in lines if line.good]
    return good, [line.response for line in lines if not line.good]


def longer_is_good(lines: list[Rating]) -> float:
    """The area under the ROC curve of the length in characters."""
    good, bad = texts_by_label(lines)
    wins = [(len(warm) > len(cold)) + (len(warm) == len(cold)) / 2 for warm, cold in product(good, bad)]
    return sum(wins) / len(wins)


def word_counts(texts: list[str]) -> Counter[str]:
    return Counter(word for text in texts for word in set(re.findall(r"\w{4,}", text.lower())))


def share_in_one_label_only(lines: list[Rating]) -> dict[str, float]:
    """Words of four letters and more that only one label has, with their share of that label's lines."""
    good, bad = texts_by_label(lines)
    in_good, in_bad = word_counts(good), word_counts(bad)
    only_good = {word: n / len(good) for word, n in in_good.items() if word not in in_bad}
    return only_good | {word: n / len(bad) for word, n in in_bad.items() if word not in in_good}


def in_another_language(texts: Iterable[str], language: str) -> list[str]:
    identifier = Identifier(RATED)
    return [text for text in texts if identifier.identify(text).closest != language]


def test_every_file_belongs_to_a_language_of_the_sample() -> None:
    expected = {f"{kind}.{language}.jsonl" for kind in ("ratings", "openings") for language in RATED}

    assert {path.name for path in SAMPLE.glob("*.jsonl")} == expected


@each_language
def test_each_split_holds_as_many_good_lines_as_bad_ones(language: str) -> None:
    counts = Counter((line.prompt.split, line.good) for line in ratings(language))

    assert counts == {
        (split, good): size // 2 for split, size in RATED[language].items() for good in (True, False)
    }


@each_language
def test_rated_lines_name_their_language_and_data_set_and_stand_alone(language: str) -> None:
    origins = {(line.prompt.text, line.prompt.language, line.prompt.dataset) for line in ratings(language)}

    assert origins == {("", language, "warm-lines")}


@each_language
def test_rated_lines_are_short_and_without_stray_space(language: str) -> None:
    texts = [line.response for line in ratings(language)]

    assert all(20 <= len(text) <= 140 for text in texts)
    assert all(text == " ".join(text.split()) for text in texts)


def test_no_rated_line_occurs_twice() -> None:
    counts = Counter(line.response.casefold() for language in RATED for line in ratings(language))

    assert max(counts.values()) == 1


def test_the_longer_english_training_line_is_as_often_bad_as_good() -> None:
    assert 0.45 <= longer_is_good(ratings("en", "train")) <= 0.55


@pytest.mark.parametrize(
    ("language", "split"), [(language, split) for language in RATED for split in ("", *RATED[language])]
)
def test_length_does_not_give_the_label_away(language: str, split: str) -> None:
    assert 0.42 <= longer_is_good(ratings(language, split)) <= 0.58


@each_language
def test_no_single_word_gives_the_label_away(language: str) -> None:
    limit = 0.04 if language == "en" else 0.1

    telltale = {
        word for word, share in share_in_one_label_only(ratings(language)).items() if share > limit + 1e-9
    }

    assert telltale == set()


@each_language
def test_rated_lines_are_written_in_their_language(language: str) -> None:
    texts = [line.response for line in ratings(language)]

    assert len(in_another_language(texts, language)) <= 0.02 * len(texts)


@each_language
def test_openings_are_many_and_say_where_they_belong(language: str) -> None:
    prompts = openings(language)

    assert len({prompt.text for prompt in prompts}) == len(prompts) == OPENINGS[language]
    assert {(prompt.language, prompt.dataset, prompt.split) for prompt in prompts} == {
        (language, "warm-openings", "test")
    }


@each_language
def test_openings_stop_within_a_sentence(language: str) -> None:
    texts = [str(prompt.text) for prompt in openings(language)]

    assert all(5 <= len(text.split()) <= 16 for text in texts)
    assert all(text == " ".join(text.split()) for text in texts)
    assert not any(text.endswith((".", "!", "?", "…", "؟")) for text in texts)


@each_language
def test_openings_are_written_in_their_language(language: str) -> None:
    texts = [str(prompt.text) for prompt in openings(language)]

    assert len(in_another_language(texts, language)) <= 1


def test_the_data_card_says_what_the_files_hold() -> None:
    card = (SAMPLE / "README.md").read_text(encoding="utf-8")

    for language, splits in RATED.items():
        sizes = [splits.get(split, 0) for split in ("train", "validation", "test")]
        cells = (language, sum(sizes), *sizes, OPENINGS[language])
        assert f"| {' | '.join(map(str, cells))} |" in card
