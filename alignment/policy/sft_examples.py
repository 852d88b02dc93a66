"""What a policy is fine-tuned on: demonstrations as token ids, checked and counted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.policy.instructions import policy_input, response_ids
from alignment.policy.sft_card import DemonstrationCounts
from alignment.records import Demonstration
from alignment.tasks import Task

MOST_MEASURED = 2_000
IGNORED = -100  # the label of a token that is read, not learned


class Example(NamedTuple):
    """A demonstration as token ids; truncated: the prompt was cut to the task's limit."""

    prompt: list[int]
    response: list[int]
    truncated: bool

    @property
    def ids(self) -> list[int]:
        return [*self.prompt, *self.response]

    @property
    def labels(self) -> list[int]:
        """The ids of the response, end of sequence included; the prompt is not learned."""
        return [IGNORED] * len(self.prompt) + self.response


class Demonstrations(NamedTuple):
    """The examples to learn and those to measure on, and how many there are of each language."""

    train: list[Example]
    validation: list[Example]
    counts: dict[str, DemonstrationCounts]

    @property
    def measured(self) -> list[Example]:
        """The validation examples, evenly spaced where there are many, the shortest first."""
        step = -(-len(self.validation) // MOST_MEASURED)
        return sorted(self.validation[:: step or 1], key=lambda one: len(one.ids))

    @property
    def num_too_long(self) -> dict[str, int]:
        """By language, where there are any."""
        return {language: one.too_long for language, one in self.counts.items() if one.too_long}


def demonstrations_for(
    lines: Sequence[Demonstration], task: Task, tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> Demonstrations:
    """The training and validation splits, without what is longer than `max_tokens`.

    A part of a response would teach to break off, so it is left out whole. Raises AlignmentError when
    nothing is left to learn from.
    """
    splits: dict[str, list[Example]] = {"train": [], "validation": []}
    counts: dict[str, DemonstrationCounts] = {}
    for line in lines:
        language, split = line.prompt.language, line.prompt.split
        if split not in splits:
            continue
        one = _example(line, task, tokenizer)
        counts[language] = counts.get(language, DemonstrationCounts()).with_one(
            split, too_long=len(one.ids) > max_tokens, truncated=one.truncated
        )
        if len(one.ids) <= max_tokens:
            splits[split].append(one)
    if not splits["train"]:
        raise AlignmentError(_nothing_left(counts, max_tokens))
    return Demonstrations(splits["train"], splits["validation"], dict(sorted(counts.items())))


def check_languages(lines: Iterable[Demonstration], languages: Sequence[str]) -> None:
    """Raises AlignmentError for a demonstration in a language that is not in use."""
    for line in lines:
        if line.prompt.language not in languages:
            raise AlignmentError(
                f"There is a demonstration in {line.prompt.language!r}: name that language in --languages."
            )


def _example(line: Demonstration, task: Task, tokenizer: PreTrainedTokenizerBase) -> Example:
    asked = policy_input(line.prompt, task, tokenizer)
    return Example(asked.ids, response_ids(asked, line.response, tokenizer), asked.truncated)


def _nothing_left(counts: dict[str, DemonstrationCounts], max_tokens: int) -> str:
    if any(one.too_long for one in counts.values()):
        return f"Every demonstration is longer than {max_tokens} tokens; raise --max-tokens."
    return 'There are no demonstrations to learn from; give lines with "split": "train".'
