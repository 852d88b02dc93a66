import pytest

from alignment.data.preferences import feedback_digest, in_split, read_feedback, subsample, unit_key
from alignment.errors import AlignmentError
from alignment.jsonl import write_records
from alignment.records import Preference, Prompt, Rating


def rating(text: str, *, prompt: str = "", good: bool = True, split: str = "train") -> Rating:
    return Rating(prompt=Prompt(text=prompt, language="en", split=split), response=text, good=good)


def preference(chosen: str, rejected: str, *, prompt: str = "") -> Preference:
    return Preference(prompt=Prompt(text=prompt, language="en"), chosen=chosen, rejected=rejected)


def test_preferences_and_ratings_are_told_apart_by_their_fields(tmp_path):
    mixed = [rating("a"), preference("b", "c"), rating("d", good=False)]
    write_records(tmp_path / "mixed.jsonl", mixed)

    assert read_feedback([tmp_path / "mixed.jsonl"]) == mixed


def test_several_files_are_read_in_order(tmp_path):
    for name in "ba":
        write_records(tmp_path / name, [rating(name)])

    assert [one.response for one in read_feedback([tmp_path / "b", tmp_path / "a"])] == ["b", "a"]


def test_a_line_of_neither_kind_is_named_with_what_it_needs(tmp_path):
    (tmp_path / "wrong.jsonl").write_text('{"language": "en", "text": "a"}\n')

    with pytest.raises(AlignmentError, match='wrong.jsonl, line 1: A line needs "chosen"'):
        read_feedback([tmp_path / "wrong.jsonl"])


def test_examples_of_one_prompt_belong_together():
    assert unit_key(rating("a", prompt="p")) == unit_key(rating("b", prompt="p"))
    assert unit_key(rating("a", prompt="p")) != unit_key(rating("a", prompt="q"))


def test_without_a_prompt_the_same_responses_belong_together():
    assert unit_key(rating("a")) != unit_key(rating("b"))
    assert unit_key(rating("a")) == unit_key(rating("a", good=False))
    assert unit_key(preference("a", "b")) == unit_key(preference("b", "a"))


def test_a_split_is_taken_in_order():
    feedback = [rating("a"), rating("b", split="test"), rating("c")]

    assert [one.response for one in in_split(feedback, "train")] == ["a", "c"]


def test_a_subset_does_not_depend_on_the_order_of_the_lines():
    feedback = [rating(f"line {number}") for number in range(50)]

    forward, backward = subsample(feedback, 10, seed=3), subsample(feedback[::-1], 10, seed=3)

    assert forward == backward[::-1]
    assert len(forward) == 10


def test_the_digest_knows_every_label():
    assert feedback_digest([rating("a")]) != feedback_digest([rating("a", good=False)])
