"""The one way in which a prompt and a response become a reward model's input.

Training, scoring and reinforcement learning all go through here, so a text has one reward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from alignment.records import Prompt

Response = tuple[Prompt, str]
"""A response with the prompt that it answers."""


class Input(NamedTuple):
    """A formatted text in two parts; cuts_end: a prompt too long loses its end, else its beginning."""

    prompt: str
    rest: str
    cuts_end: bool


class Tokens(NamedTuple):
    """An input as token ids; num_full: how many there were before it was cut to fit."""

    ids: tuple[int, ...]
    num_full: int

    @property
    def truncated(self) -> bool:
        return len(self.ids) < self.num_full


class SpecialEnds(NamedTuple):
    """The token ids put before and after every text."""

    opening: tuple[int, ...]
    closing: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How inputs are written, kept with each reward model.

    delimiter: the task's, between the turns of a conversation and before the response; cuts_end: of a text
    prompt that is too long, as the task's policy does; a conversation loses its oldest words; max_tokens: of
    a whole input.
    """

    delimiter: str
    cuts_end: bool
    max_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Formatter:
    """Writes and tokenises inputs.

    prefix: what the backbone wants before every text, such as "query: "; ends: see `special_ends`.
    """

    tokenizer: PreTrainedTokenizerBase
    prefix: str
    ends: SpecialEnds
    layout: Layout

    def input(self, prompt: Prompt, response: str) -> Input:
        """Prompt and response without any instruction; white space around either is not judged."""
        delimiter, cuts_end = self.layout.delimiter, self.layout.cuts_end
        if isinstance(prompt.text, str):
            asked = prompt.text.strip()
        else:
            asked, cuts_end = delimiter.join(turn.content.strip() for turn in prompt.text), False
        rest = response.strip()
        return Input(asked, delimiter + rest if asked and rest else rest, cuts_end)

    def tokens(self, inputs: Sequence[Input]) -> list[Tokens]:
        """Token ids with special tokens, each cut to `max_tokens`: first the prompt, then the response."""
        if not inputs:
            return []
        encoded = self.tokenizer(
            [self.prefix + one.prompt + one.rest for one in inputs],
            add_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        rows = zip(inputs, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        return [self._close(one, ids, [end for _, end in offsets]) for one, ids, offsets in rows]

    def prompts(self, inputs: Sequence[Input]) -> list[tuple[int, ...]]:
        """The token ids of each input's prompt without a response, never more than `max_tokens`."""
        distinct = list(dict.fromkeys(self.prefix + one.prompt for one in inputs))
        if not distinct:
            return []
        encoded = self.tokenizer(distinct, add_special_tokens=False, verbose=False)
        limit = self.layout.max_tokens
        begin = {
            text: (*self.ends.opening, *ids)[:limit]
            for text, ids in zip(distinct, encoded["input_ids"], strict=True)
        }
        return [begin[self.prefix + one.prompt] for one in inputs]

    def _close(self, one: Input, ids: list[int], character_ends: list[int]) -> Tokens:
        opening, closing = self.ends
        room = self.layout.max_tokens - len(opening) - len(closing)
        first = sum(end <= len(self.prefix.rstrip()) for end in character_ends)
        last = sum(end <= len(self.prefix + one.prompt) for end in character_ends)
        cut = min(max(len(ids) - room, 0), last - first)
        start = last - cut if one.cuts_end else first
        kept = ids[:start] + ids[start + cut :]
        return Tokens((*opening, *kept[:room], *closing), len(opening) + len(ids) + len(closing))


def special_ends(tokenizer: PreTrainedTokenizerBase, *, closes: bool) -> SpecialEnds:
    """What the tokenizer puts around a text, ended by the end-of-sequence token where `closes`."""
    probe = "a"
    plain = list(tokenizer(probe, add_special_tokens=False)["input_ids"])
    whole = list(tokenizer(probe)["input_ids"])
    start = next(i for i in range(len(whole)) if whole[i : i + len(plain)] == plain)
    opening, closing = tuple(whole[:start]), tuple(whole[start + len(plain) :])
    if closes and tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in closing:
        closing = (*closing, tokenizer.eos_token_id)
    return SpecialEnds(opening, closing)
