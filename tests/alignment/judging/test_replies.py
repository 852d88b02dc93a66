import math

import pytest

from alignment.judging.prompts import Question
from alignment.judging.replies import answer_in, parsed
from alignment.judging.verdicts import Basis
from tests.alignment.chat.chat_server import said

QUESTION = Question(text="1 or 2?")


def answer(text, masses=None):
    return answer_in(said(text, masses).body["choices"][0], QUESTION)


def test_the_probabilities_of_the_digits_are_made_to_sum_to_one():
    told = answer("1", {"1": 0.6, "2": 0.2, "The": 0.1})

    assert told.probability == pytest.approx(0.75)
    assert told.mass == pytest.approx(0.8)
    assert told.basis == Basis.PROBABILITIES


def test_spellings_of_a_digit_count_together():
    assert answer("1", {"1": 0.3, " 1": 0.3, "▁2": 0.2}).probability == pytest.approx(0.75)


def test_a_digit_that_is_not_listed_gets_what_the_others_leave_at_most():
    assert answer("1", {"1": 0.9}).probability == pytest.approx(0.9)
    assert answer("1", {"1": 0.9, "x": 0.001}).probability == pytest.approx(0.9 / 0.901)


def test_blank_tokens_before_the_digit_are_passed_over():
    choice = said("\n1", {"1": 0.6, "2": 0.2}).body["choices"][0]
    choice["logprobs"]["content"].insert(0, {"token": "\n", "logprob": 0.0, "top_logprobs": []})

    assert answer_in(choice, QUESTION).probability == pytest.approx(0.75)


def test_digits_that_are_mere_noise_are_no_answer():
    told = answer("I cannot say", {"I": 0.99, "1": 0.0002, "2": 0.0001})

    assert (told.probability, told.basis) == (None, Basis.UNCLEAR)


@pytest.mark.parametrize("logprob", [None, "high", math.nan, -math.inf, True])
def test_logprobs_that_are_no_numbers_leave_the_text_to_be_read(logprob):
    choice = said("2").body["choices"][0]
    choice["logprobs"] = {"content": [{"token": "2", "logprob": logprob, "top_logprobs": None}]}

    told = answer_in(choice, QUESTION)

    assert (told.probability, told.basis) == (0.0, Basis.TEXT)


@pytest.mark.parametrize("logprobs", [None, [], {"content": None}, {"content": ["x", {}]}, {"tokens": ["1"]}])
def test_logprobs_of_another_shape_leave_the_text_to_be_read(logprobs):
    choice = {**said("1").body["choices"][0], "logprobs": logprobs}

    assert (answer_in(choice, QUESTION).probability, answer_in(choice, QUESTION).basis) == (1.0, Basis.TEXT)


@pytest.mark.parametrize(
    "text",
    ["1", " 1\n", "**1**", "1.", "(1)", "Answer: 1", "The better answer is 1.", "Summary 1 is better", "“1”",
     "<think>2 is worse\n</think>\n\n1", "1\nbecause it is kind"],
)  # fmt: skip
def test_an_answer_in_words_is_understood(text):
    assert parsed(text) == "1"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "neither", "1 or 2", "1 and 2 are equal", "12", "1.5", "3", "2/10", "1️⃣2", "Both of the 2",
     "Answer 1 is better than 2", "1 is not better", "<think>1", "один"],
)  # fmt: skip
def test_nonsense_is_no_answer(text):
    assert parsed(text) == ""


@pytest.mark.parametrize("content", [None, 1, ["1"], {"text": "1"}])
def test_a_message_without_text_is_an_abstention(content):
    assert answer_in({"message": {"content": content}}, QUESTION).basis == Basis.UNCLEAR


def test_an_answer_is_kept_as_files_can_hold_it():
    told = answer("\ud800\0" + "\u202ex" * 300)

    assert told.text.encode().decode().startswith("?\u202ex\u202ex")
    assert len(told.text) == 200
