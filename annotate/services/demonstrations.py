"""Demonstrations: imported responses that are good enough to imitate."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from alignment import records
from annotate.models import PromptSet, Response, System
from annotate.services.feedback import CHUNK, MEAN_POINTS, NOT_EMPTY, SHARE_GOOD, judged_in, rated_in

SPLITS = (PromptSet.Split.TRAIN, PromptSet.Split.VALIDATION)


class Verdicts(NamedTuple):
    """Responses by what the verdicts on them come to; one that balances is judged and no more."""

    judged: set[int]
    praised: set[int]
    blamed: set[int]

    def allow(self, response_id: int) -> bool:
        """Nobody judged it; or it was chosen or rated good, and never rejected or rated bad."""
        if response_id not in self.judged:
            return True
        return response_id in self.praised and response_id not in self.blamed


def demonstration_records(task: str, dataset: str, language: str) -> Iterator[records.Demonstration]:
    """By split, prompt and response: content alone decides their order, and equal ones come once."""
    for split in SPLITS:
        where = {"task": task, "dataset": dataset, "language": language, "split": split}
        for prompt_set in PromptSet.objects.filter(**where):
            for response in _responses(_imitable(prompt_set)):
                yield records.Demonstration(prompt=response.prompt.as_record(), response=response.text)


def num_demonstrations(prompt_set: PromptSet) -> int:
    """How many the set holds; none in what is kept for testing."""
    return len(_imitable(prompt_set)) if prompt_set.split in SPLITS else 0


def _imitable(prompt_set: PromptSet) -> list[int]:
    """Primary keys in order: of equal responses to a prompt the first, unless one of them was judged bad."""
    verdicts = _verdicts(prompt_set)
    prompts = prompt_set.prompts.filter(NOT_EMPTY)
    imported = Response.objects.filter(prompt__in=prompts, system__kind=System.Kind.IMPORTED)
    rows = imported.order_by("prompt__key", "digest", "pk").values_list("prompt__key", "digest", "pk")
    found = []
    for _, equal in groupby(rows.iterator(CHUNK), itemgetter(0, 1)):
        versions = [pk for _, _, pk in equal]
        if all(verdicts.allow(pk) for pk in versions):
            found.append(versions[0])
    return found


def _responses(pks: list[int]) -> Iterator[Response]:
    for start in range(0, len(pks), CHUNK):
        chunk = pks[start : start + CHUNK]
        rows = Response.objects.select_related("prompt__prompt_set").in_bulk(chunk)
        yield from (rows[pk] for pk in chunk)


def _verdicts(prompt_set: PromptSet) -> Verdicts:
    verdicts = Verdicts(set(), set(), set())
    pairs = judged_in(prompt_set).annotate(mean=MEAN_POINTS)
    for first, second, mean in pairs.values_list("first", "second", "mean"):
        verdicts.judged.update((first, second))
        if mean != 1:
            verdicts.praised.add(first if mean > 1 else second)
            verdicts.blamed.add(second if mean > 1 else first)
    for response, mean in rated_in(prompt_set).annotate(mean=SHARE_GOOD).values_list("pk", "mean"):
        verdicts.judged.add(response)
        if mean != 0.5:
            (verdicts.praised if mean > 0.5 else verdicts.blamed).add(response)
    return verdicts
