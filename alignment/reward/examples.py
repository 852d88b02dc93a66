"""What a reward model is trained on: the feedback of two splits, checked and counted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from alignment.data.preferences import Feedback, in_split, responses_of, subsample
from alignment.errors import AlignmentError
from alignment.records import Preference, Rating
from alignment.reward.card import LanguageCounts, RatingBaselines
from alignment.reward.formatting import Formatter, Input, Response, Tokens
from alignment.reward.settings import RewardSettings
from alignment.statistics.accuracy import fit_length_rule

MOST_MEASURED = 2_000


class Examples(NamedTuple):
    """Preferences and ratings of one split."""

    pairs: tuple[Preference, ...]
    ratings: tuple[Rating, ...]

    @property
    def all(self) -> tuple[Feedback, ...]:
        return (*self.pairs, *self.ratings)


class TrainingData(NamedTuple):
    """The training and validation examples, and how many there are of each language."""

    train: Examples
    validation: Examples
    counts: dict[str, LanguageCounts]

    @property
    def feedback(self) -> str:
        """Of which kind the training examples are."""
        if self.train.pairs and self.train.ratings:
            return "both"
        return "pairs" if self.train.pairs else "ratings"

    @property
    def measured_on(self) -> str:
        """The split whose responses make the yardstick."""
        return "validation" if self.validation.all else "train"

    @property
    def measured(self) -> Examples:
        """The examples whose responses make the yardstick, evenly spaced where there are many."""
        examples = self.validation if self.validation.all else self.train
        step = -(-len(examples.all) // MOST_MEASURED)
        return Examples(examples.pairs[::step], examples.ratings[::step])

    @property
    def yardstick(self) -> list[Response]:
        """The responses whose rewards have mean 0 and deviation 1."""
        return responses_in(self.measured.all)


def training_data(
    feedback: Sequence[Feedback], formatter: Formatter, settings: RewardSettings
) -> TrainingData:
    """Take the training and validation splits, without the pairs that cannot be told apart.

    Raises AlignmentError when there is nothing to learn from.
    """
    train = in_split(feedback, "train")
    if settings.max_examples:
        train = subsample(train, settings.max_examples, settings.seed)
    counter = _Counter(formatter)
    data = TrainingData(
        _examples(counter.keep(train)),
        _examples(counter.keep(in_split(feedback, "validation"))),
        counter.counts(),
    )
    _check(data.train)
    return data


def responses_in(examples: Iterable[Feedback]) -> list[Response]:
    """All responses with their prompts; chosen before rejected."""
    return [(one.prompt, text) for one in examples for text in responses_of(one)]


def rating_baselines(train: Examples) -> RatingBaselines | None:
    """What the training ratings say without any model; None where there are none."""
    if not train.ratings:
        return None
    labels = [one.good for one in train.ratings]
    lengths = [len(one.response) for one in train.ratings]
    rule = fit_length_rule(lengths, labels)
    return RatingBaselines(
        good_share=float(np.mean(labels)), length_cut=rule.cut, longer_is_good=rule.longer_is_good
    )


class _Counter:
    """Tokenises examples, drops pairs whose inputs became the same, and counts by language."""

    def __init__(self, formatter: Formatter) -> None:
        self._formatter = formatter
        self._numbers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def keep(self, feedback: Sequence[Feedback]) -> list[Feedback]:
        inputs = [self._formatter.input(*one) for one in responses_in(feedback)]
        tokens = iter(zip(inputs, self._formatter.tokens(inputs), strict=True))
        return [one for one in feedback if self._count(one, [next(tokens) for _ in responses_of(one)])]

    def _count(self, one: Feedback, inputs: list[tuple[Input, Tokens]]) -> bool:
        """Whether the example is kept."""
        numbers = self._numbers[one.prompt.language]
        for text, tokens in inputs:
            numbers["truncated"] += tokens.truncated
            numbers["tokens"] += tokens.num_full
            numbers["characters"] += len(text.prompt) + len(text.rest)
        kept = len(inputs) == len({tokens.ids for _, tokens in inputs})
        kind = "pairs" if isinstance(one, Preference) else "ratings"
        numbers[kind if kept else "dropped"] += 1
        return kept

    def counts(self) -> dict[str, LanguageCounts]:
        return {
            language: LanguageCounts(
                pairs=numbers["pairs"],
                ratings=numbers["ratings"],
                dropped=numbers["dropped"],
                truncated=numbers["truncated"],
                tokens_per_character=numbers["tokens"] / max(numbers["characters"], 1),
            )
            for language, numbers in sorted(self._numbers.items())
        }


def _examples(feedback: Sequence[Feedback]) -> Examples:
    pairs = tuple(one for one in feedback if isinstance(one, Preference))
    return Examples(pairs, tuple(one for one in feedback if isinstance(one, Rating)))


def _check(train: Examples) -> None:
    if len(train.all) < 2:
        raise AlignmentError('There are fewer than two training examples; give lines with "split": "train".')
    if not train.pairs and len({one.good for one in train.ratings}) < 2:
        raise AlignmentError("All training ratings say the same; give good and bad ones.")
