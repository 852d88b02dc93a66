"""Imported preferences and ratings become verdicts of their data set, which is their judge."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from alignment import records
from alignment.randomness import derive_seed
from annotate.models import Comparison, Judge, Judgment, Rating, Study
from annotate.services.import_rows import ROWS_AT_ONCE, Written, imported_name

Key = TypeVar("Key", bound=Hashable)


class Outcome(Enum):
    """What became of a verdict; a contradicted one was given the other way before, and is not stored."""

    NEW = auto()
    KNOWN = auto()
    CONTRADICTED = auto()


class Pair(NamedTuple):
    """A preference whose responses stand in the order of their digests, which tells nothing."""

    line: Written
    first_id: int
    second_id: int
    first_is_chosen: bool

    @property
    def dataset(self) -> str:
        return self.line.placed.prompt_set.dataset

    @property
    def ids(self) -> tuple[int, int]:
        return self.first_id, self.second_id


def store_ratings(lines: Sequence[Written]) -> dict[int, Outcome]:
    """Store the ratings among the lines that are new. Returns their outcomes by line number."""
    rated = [
        (line, line.placed.record.good) for line in lines if isinstance(line.placed.record, records.Rating)
    ]
    judges = _judges(line for line, _ in rated)
    found = Rating.objects.filter(
        judge__in=judges.values(), response__in={line.response_ids[0] for line, _ in rated}
    )
    said = dict(found.values_list("response", "good"))
    outcomes = _compare(said, [(line.placed.number, line.response_ids[0], good) for line, good in rated])
    ratings = [
        Rating(response_id=line.response_ids[0], judge=judges[line.placed.prompt_set.dataset], good=good)
        for line, good in rated
        if outcomes[line.placed.number] is Outcome.NEW
    ]
    Rating.objects.bulk_create(ratings, batch_size=ROWS_AT_ONCE)
    return outcomes


def store_preferences(lines: Sequence[Written], *, task: str, now: datetime) -> dict[int, Outcome]:
    """Store the preferences among the lines that are new, each a comparison with a judgment.

    Returns their outcomes by line number.
    """
    paired = [_paired(line) for line in lines if isinstance(line.placed.record, records.Preference)]
    judges = _judges(pair.line for pair in paired)
    studies = {dataset: _study(task, dataset) for dataset in judges}
    said = _judged(judges.values(), studies.values(), paired)
    outcomes = _compare(said, [(pair.line.placed.number, pair.ids, pair.first_is_chosen) for pair in paired])
    new = [pair for pair in paired if outcomes[pair.line.placed.number] is Outcome.NEW]
    comparisons = Comparison.objects.bulk_create(
        [_comparison(studies[pair.dataset], pair) for pair in new], batch_size=ROWS_AT_ONCE
    )
    judgments = [
        Judgment(
            judge=judges[pair.dataset],
            comparison=comparison,
            points=2 if pair.first_is_chosen else 0,
            created_at=now,
        )
        for pair, comparison in zip(new, comparisons, strict=True)
    ]
    Judgment.objects.bulk_create(judgments, batch_size=ROWS_AT_ONCE)
    return outcomes


def _paired(line: Written) -> Pair:
    digests = _digests(line)
    first = digests.index(min(digests))
    return Pair(line, line.response_ids[first], line.response_ids[1 - first], first_is_chosen=first == 0)


def _digests(line: Written) -> list[str]:
    return [digest for _, digest in line.placed.responses]


def _judges(lines: Iterable[Written]) -> dict[str, Judge]:
    """Judges by data set, held until the transaction ends, so that a data set gets one study."""
    datasets = {line.placed.prompt_set.dataset for line in lines}
    for dataset in sorted(datasets):
        Judge.objects.get_or_create(kind=Judge.Kind.DATASET, name=dataset)
    held = Judge.objects.select_for_update().filter(kind=Judge.Kind.DATASET, name__in=datasets)
    return {judge.name: judge for judge in held.order_by("pk")}


def _study(task: str, dataset: str) -> Study:
    study, _ = Study.objects.get_or_create(
        purpose=Study.Purpose.IMPORTED,
        task=task,
        name=imported_name(dataset),
        defaults={"status": Study.Status.CLOSED},
    )
    return study


def _judged(
    judges: Iterable[Judge], studies: Iterable[Study], paired: Sequence[Pair]
) -> dict[tuple[int, int], bool]:
    """Each pair that the data sets have judged: is the first the better one?"""
    found = Judgment.objects.filter(
        judge__in=judges,
        replaces=None,
        comparison__study__in=studies,
        comparison__first__in={pair.first_id for pair in paired},
        comparison__second__in={pair.second_id for pair in paired},
    )
    rows = found.values_list("comparison__first", "comparison__second", "points")
    return {(first, second): points == 2 for first, second, points in rows}


def _compare(said: Mapping[Key, bool], lines: Iterable[tuple[int, Key, bool]]) -> dict[int, Outcome]:
    """Hold each (line number, what is judged, verdict) against what was said before."""
    verdicts = dict(said)
    outcomes = {}
    for number, judged, verdict in lines:
        if judged not in verdicts:
            verdicts[judged] = verdict
            outcomes[number] = Outcome.NEW
        else:
            outcomes[number] = Outcome.KNOWN if verdicts[judged] == verdict else Outcome.CONTRADICTED
    return outcomes


def _comparison(study: Study, pair: Pair) -> Comparison:
    placed = pair.line.placed
    return Comparison(
        study=study,
        prompt_id=pair.line.prompt_id,
        first_id=pair.first_id,
        second_id=pair.second_id,
        language_id=placed.prompt_set.language_id,
        position=derive_seed(study.seed, "position", placed.prompt_key, *sorted(_digests(pair.line))),
    )
