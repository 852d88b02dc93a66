import copy
from dataclasses import replace

import pytest
from transformers import AutoTokenizer

from alignment.errors import AlignmentError
from alignment.policy.instructions import policy_input, response_ids
from alignment.records import Message, Prompt
from alignment.tasks import TASKS

CONTINUATION, SUMMARIZATION, DIALOG = (TASKS[key] for key in ("continuation", "summarization", "dialog"))
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TALK = (
    Message(role="user", content="Wie heißt du?"),
    Message(role="assistant", content="Anna."),
    Message(role="user", content="Und woher kommst du?"),
)


@pytest.fixture
def tokenizer(tiny_policy):
    return AutoTokenizer.from_pretrained(tiny_policy)


def read(prompt, task, tokenizer):
    return tokenizer.decode(policy_input(prompt, task, tokenizer).ids)


def german(text):
    return Prompt(text=text, language="de")


def test_an_opening_stands_as_it_is_after_the_token_that_opens_a_text(tokenizer):
    assert read(german("Der Zug kam"), CONTINUATION, tokenizer) == "<bos>Der Zug kam"


def test_a_text_to_summarize_follows_the_instruction_in_the_prompts_language(tokenizer):
    text = read(german("Es war einmal."), SUMMARIZATION, tokenizer)

    assert text == "<bos>Write a short summary, in German, of the text below.\n\nEs war einmal.\n\n"


def test_without_a_chat_template_a_conversation_is_a_transcript(tokenizer):
    text = read(german(TALK), DIALOG, tokenizer)

    assert text.endswith("user: Wie heißt du?\nassistant: Anna.\nuser: Und woher kommst du?\nassistant:")
    assert text.startswith("<bos>Answer the last message of the conversation below, in German.\n\nuser:")


def test_with_a_chat_template_the_instruction_opens_the_first_turn(tokenizer):
    tokenizer.chat_template = TEMPLATE

    text = read(german(TALK), DIALOG, tokenizer)

    assert text.startswith("<user>Answer the last message of the conversation below, in German.\n\nWie heißt")
    assert text.endswith("<assistant>Anna.<user>Und woher kommst du?<assistant>")


def test_with_a_chat_template_an_instructed_text_is_a_message_and_an_opening_is_not(tokenizer):
    tokenizer.chat_template = TEMPLATE

    assert read(german("Es war."), SUMMARIZATION, tokenizer).endswith("below.\n\nEs war.<assistant>")
    assert read(german("Es war"), CONTINUATION, tokenizer) == "<bos>Es war"


def test_a_prompt_within_the_limit_is_whole(tokenizer):
    assert not policy_input(german("Der Zug kam"), CONTINUATION, tokenizer).truncated


def test_a_long_opening_loses_its_beginning(tokenizer):
    task = replace(CONTINUATION, max_prompt_tokens=20)
    opening = "Ganz früher war alles anders. " * 5 + "Der Zug kam"

    ids, truncated = policy_input(german(opening), task, tokenizer)[1:]

    assert truncated
    assert len(ids) <= 20
    assert tokenizer.decode(ids).startswith("<bos>")
    assert tokenizer.decode(ids).endswith("Der Zug kam")


def test_a_long_text_loses_its_end_and_keeps_the_instruction(tokenizer):
    instructed = len(policy_input(german("x"), SUMMARIZATION, tokenizer).ids)
    task = replace(SUMMARIZATION, max_prompt_tokens=instructed + 20)

    ids, truncated = policy_input(german("Der Zug kam spät. " * 30), task, tokenizer)[1:]

    assert truncated
    assert instructed < len(ids) <= instructed + 20
    assert "text below.\n\nDer Zug kam" in tokenizer.decode(ids)
    assert tokenizer.decode(ids).endswith("\n\n")


def test_a_long_conversation_loses_its_oldest_turns(tokenizer):
    whole = policy_input(german(TALK), DIALOG, tokenizer)
    task = replace(DIALOG, max_prompt_tokens=len(whole.ids) - 1)

    ids, truncated = policy_input(german(TALK), task, tokenizer)[1:]

    assert truncated
    assert tokenizer.decode(ids).endswith("in German.\n\nuser: Und woher kommst du?\nassistant:")


def test_a_long_last_message_loses_its_beginning(tokenizer):
    talk = (*TALK[:2], Message(role="user", content="Ach so. " * 60 + "Woher?"))
    task = replace(DIALOG, max_prompt_tokens=120)

    ids, truncated = policy_input(german(talk), task, tokenizer)[1:]

    assert truncated
    assert len(ids) <= 120
    assert "Anna" not in tokenizer.decode(ids)
    assert tokenizer.decode(ids).endswith("Ach so. Woher?\nassistant:")


def test_a_character_of_several_tokens_is_cut_as_a_whole(tokenizer):
    task = replace(CONTINUATION, max_prompt_tokens=6)

    ids, truncated = policy_input(german("日本" * 10), task, tokenizer)[1:]

    assert truncated
    assert "\ufffd" not in tokenizer.decode(ids)


def test_an_instruction_that_fills_the_limit_is_refused(tokenizer):
    task = replace(SUMMARIZATION, max_prompt_tokens=5)

    with pytest.raises(AlignmentError, match="instruction alone"):
        policy_input(german("Es war einmal."), task, tokenizer)


def test_a_tokenizer_that_closes_every_text_does_not_end_the_response_before_it_begins(tiny_encoder):
    closing = AutoTokenizer.from_pretrained(tiny_encoder)

    assert policy_input(german("Der Zug"), CONTINUATION, closing).ids[-1] != closing.eos_token_id


def test_an_empty_prompt_is_the_token_that_opens_a_text(tokenizer):
    tokenizer.add_bos_token = False

    assert policy_input(german(""), CONTINUATION, tokenizer).ids == [tokenizer.bos_token_id]


@pytest.mark.parametrize(
    ("task", "text", "language", "expected"),
    [
        ("continuation", "The morning light", "en", " was kind.<eos>"),
        ("continuation", "The morning light ", "en", "was kind.<eos>"),
        ("continuation", "", "en", "was kind.<eos>"),
        ("continuation", "The morning light", "ja", "was kind.<eos>"),
        ("summarization", "The morning light", "en", "was kind.<eos>"),
        ("dialog", (Message(role="user", content="How was it?"),), "en", " was kind.<eos>"),
    ],
)
def test_a_response_goes_on_from_what_is_read_and_ends(tiny, task, text, language, expected):
    asked = policy_input(Prompt(text=text, language=language), TASKS[task], tiny.tokenizer)

    ids = response_ids(asked, "  was kind.\n", tiny.tokenizer)

    assert tiny.tokenizer.decode(ids) == expected
    assert ids[-1] == tiny.tokenizer.eos_token_id


def test_a_response_follows_the_opening_of_a_chat_turn_without_a_space(tiny):
    tokenizer = copy.deepcopy(tiny.tokenizer)
    tokenizer.chat_template = "{% for turn in messages %}{{ turn.content }}{% endfor %}<bos>"
    asked = policy_input(Prompt(text="A story", language="en"), TASKS["summarization"], tokenizer)

    assert tokenizer.decode(response_ids(asked, "was kind.", tokenizer)) == "was kind.<eos>"


def test_a_tokenizer_without_an_end_of_sequence_cannot_be_taught(tiny):
    tokenizer = copy.deepcopy(tiny.tokenizer)
    tokenizer.eos_token = None
    asked = policy_input(Prompt(text="A story", language="en"), TASKS["continuation"], tokenizer)

    with pytest.raises(AlignmentError, match="no end of sequence"):
        response_ids(asked, "was kind.", tokenizer)
