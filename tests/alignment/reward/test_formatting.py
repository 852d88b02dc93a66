from dataclasses import replace

import pytest

from alignment.policy.checkpoints import load_backbone
from alignment.records import Message, Prompt
from alignment.reward.formatting import Formatter, Layout, special_ends

DIALOG = Layout(delimiter="\n\n", cuts_end=True, max_tokens=200)


@pytest.fixture
def formatter(tiny_policy):
    tokenizer = load_backbone(tiny_policy).tokenizer
    return Formatter(tokenizer=tokenizer, prefix="", ends=special_ends(tokenizer, closes=True), layout=DIALOG)


def limited(formatter: Formatter, max_tokens: int, **changes) -> Formatter:
    return replace(formatter, layout=replace(formatter.layout, max_tokens=max_tokens, **changes))


def words(formatter: Formatter, prompt: str, response: str) -> str:
    (tokens,) = formatter.tokens([formatter.input(Prompt(text=prompt, language="en"), response)])
    return formatter.tokenizer.decode(tokens.ids, skip_special_tokens=True)


def test_prompt_and_response_are_joined_by_the_delimiter_alone(formatter):
    made = formatter.input(Prompt(text="Who sang? ", language="en"), " She did.\n")

    assert made.prompt + made.rest == "Who sang?\n\nShe did."


def test_a_response_without_prompt_stands_alone(formatter):
    made = formatter.input(Prompt(text="", language="en"), "She did.")

    assert made.prompt + made.rest == "She did."


def test_a_conversation_of_one_turn_is_read_like_its_text(formatter):
    turn = Prompt(text=(Message(role="user", content="Who sang?"),), language="en")

    assert (
        formatter.input(turn, "She did.")[:2]
        == formatter.input(Prompt(text="Who sang?", language="en"), "She did.")[:2]
    )


def test_the_prefix_of_the_backbone_comes_first(formatter):
    with_prefix = replace(formatter, prefix="the morning: ")

    assert words(with_prefix, "light", "came").startswith("the morning: light")


def test_an_encoder_gets_the_special_tokens_of_its_tokenizer(tiny_encoder):
    tokenizer = load_backbone(tiny_encoder).tokenizer
    encoder = Formatter(
        tokenizer=tokenizer, prefix="", ends=special_ends(tokenizer, closes=False), layout=DIALOG
    )

    (tokens,) = encoder.tokens([encoder.input(Prompt(text="", language="en"), "light")])

    assert list(tokens.ids) == tokenizer("light")["input_ids"]


def test_a_causal_tokenizer_is_closed_by_the_end_of_sequence(tiny_policy):
    tokenizer = load_backbone(tiny_policy).tokenizer

    ends = special_ends(tokenizer, closes=True)

    assert ends == ((tokenizer.bos_token_id,), (tokenizer.eos_token_id,))


def test_an_end_of_sequence_that_is_there_is_not_doubled(tiny_encoder):
    tokenizer = load_backbone(tiny_encoder).tokenizer

    assert special_ends(tokenizer, closes=True) == special_ends(tokenizer, closes=False)


def test_a_long_article_loses_its_end_and_keeps_the_response(formatter):
    article = "the morning light came in " + "and nobody on the bus seemed to mind " * 20

    text = words(limited(formatter, 80), article, "somebody was singing")

    assert text.startswith("the morning light came in")
    assert text.endswith("somebody was singing")


def test_a_long_opening_loses_its_beginning(formatter):
    opening = "the morning light came in " + "and nobody on the bus seemed to mind " * 20 + "very much"

    text = words(limited(formatter, 80, cuts_end=False), opening, "somebody was singing")

    assert "the morning light" not in text
    assert text.endswith("very much\n\nsomebody was singing")


def test_a_long_conversation_loses_its_oldest_words(formatter):
    turns = [
        Message(role="user", content="the morning light"),
        Message(role="assistant", content="bus " * 60),
    ]
    prompt = Prompt(text=(*turns, Message(role="user", content="very much")), language="en")

    (tokens,) = limited(formatter, 60).tokens([formatter.input(prompt, "singing")])

    text = formatter.tokenizer.decode(tokens.ids, skip_special_tokens=True)
    assert "morning" not in text
    assert text.endswith("very much\n\nsinging")


def test_the_prefix_stays_when_a_beginning_is_cut(formatter):
    short = limited(replace(formatter, prefix="window: "), 60, cuts_end=False)

    assert words(short, "and nobody seemed to mind " * 20, "singing").startswith("window:")


def test_a_response_that_is_too_long_by_itself_loses_its_end(formatter):
    text = words(limited(formatter, 40), "Who sang?", "the morning light came in " + "and nobody " * 40)

    assert text.strip().startswith("the morning light")


def test_no_input_is_longer_than_the_limit_and_its_full_length_is_kept(formatter):
    (tokens,) = limited(formatter, 24).tokens(
        [formatter.input(Prompt(text="a " * 50, language="en"), "b " * 50)]
    )

    assert len(tokens.ids) == 24
    assert tokens.truncated
    assert tokens.num_full > 100


def test_an_input_that_fits_is_left_as_it_is(formatter):
    (tokens,) = formatter.tokens([formatter.input(Prompt(text="the bus", language="en"), "came")])

    assert not tokens.truncated
    assert tokens.num_full == len(tokens.ids)
