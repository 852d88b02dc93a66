"""Feedback for reward models: preferences and ratings, read from files and told apart by their fields."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from alignment.digests import text_digest
from alignment.errors import AlignmentError
from alignment.jsonl import json_line, read_records
from alignment.randomness import derive_seed
from alignment.records import Json, Preference, Rating

Feedback = Preference | Rating


def read_feedback(paths: Iterable[Path]) -> list[Feedback]:
    """All lines of the files, in order. Raises AlignmentError that names the first broken line."""
    return [feedback for path in paths for feedback in read_records(path, parse_feedback)]


def parse_feedback(line: Json) -> Feedback:
    """A line with `chosen` is a preference, one with `completion` is a rating."""
    if "chosen" in line:
        return Preference.from_json(line)
    if "completion" in line:
        return Rating.from_json(line)
    raise AlignmentError('A line needs "chosen" and "rejected", or "completion" and "label".')


def responses_of(feedback: Feedback) -> tuple[str, ...]:
    """(chosen, rejected), or the one rated response."""
    if isinstance(feedback, Preference):
        return (feedback.chosen, feedback.rejected)
    return (feedback.response,)


def unit_key(feedback: Feedback) -> str:
    """Names what is resampled and held out together: the prompt, or the response where there is no prompt."""
    if feedback.prompt.text:
        return feedback.prompt.key
    return text_digest(feedback.prompt.key, *sorted(responses_of(feedback)))


def in_split(feedback: Iterable[Feedback], split: str) -> list[Feedback]:
    return [one for one in feedback if one.prompt.split == split]


def subsample(feedback: Sequence[Feedback], count: int, seed: int) -> list[Feedback]:
    """At most `count`, in order. The same seed gives nested subsets, whatever the order of the lines."""
    draws = [derive_seed(seed, "subsample", json_line(one)) for one in feedback]
    kept = sorted(range(len(feedback)), key=draws.__getitem__)[:count]
    return [feedback[index] for index in sorted(kept)]


def feedback_digest(feedback: Iterable[Feedback]) -> str:
    """Names the data by its lines and their order."""
    return text_digest(*map(json_line, feedback))
