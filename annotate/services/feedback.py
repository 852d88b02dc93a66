"""What there is to train on: imported and collected verdicts alike, as the records that training reads."""

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import Avg, Case, Count, F, FloatField, Q, QuerySet, When
from django.db.models.functions import Coalesce

from alignment import records
from alignment.randomness import derive_seed
from annotate.models import Comparison, Prompt, PromptSet, Response, Study

FEEDBACK_PURPOSES = (Study.Purpose.IMPORTED, Study.Purpose.COLLECT)
CHUNK = 1000
NOT_EMPTY = ~Q(text="") | ~Q(messages=[])

# Half-points to the first response of a comparison, and the share of judges who found a response good.
MEAN_POINTS = Avg(
    Coalesce(F("judgments__points") * 1.0, F("judgments__probability") * 2.0), output_field=FloatField()
)
SHARE_GOOD = Avg(Case(When(ratings__good=True, then=1.0), default=0.0), output_field=FloatField())


class Available(NamedTuple):
    """What one prompt set holds.

    num_prompts: those that are not empty; num_undecided: comparisons and rated responses whose verdicts
    balance, of which no record is made.
    """

    prompt_set: PromptSet
    num_prompts: int
    num_preferences: int
    num_ratings: int
    num_undecided: int

    @property
    def num_feedback(self) -> int:
        """Records that a reward model can learn from."""
        return self.num_preferences + self.num_ratings


def feedback_records(
    task: str, dataset: str, languages: Iterable[str], splits: Iterable[str]
) -> Iterator[records.Preference | records.Rating]:
    """Preferences and ratings by language, split, prompt and response: content alone decides their order.

    Each comparison gives one preference by the mean of its standing judgments, each rated response one
    rating by the majority; where verdicts balance there is none.
    """
    for language in sorted(set(languages)):
        for split in [split for split in records.SPLITS if split in set(splits)]:
            where = {"task": task, "dataset": dataset, "language": language, "split": split}
            sets = PromptSet.objects.filter(**where)
            yield from _preferences(_judged(task).filter(prompt__prompt_set__in=sets))
            yield from _ratings(_rated(task).filter(prompt__prompt_set__in=sets))


def available_data(task: str) -> list[Available]:
    """What there is to respond to and to learn from, by data set, language and split."""
    sets = PromptSet.objects.filter(task=task).order_by("dataset", "language", "split")
    return [_available(prompt_set) for prompt_set in sets.select_related("language")]


def prompt_records(
    task: str, dataset: str, language: str, *, split: str, limit: int, seed: int
) -> list[records.Prompt]:
    """At most `limit` prompts that are not empty, drawn by the seed; a larger limit only adds to them."""
    found = Prompt.objects.filter(
        NOT_EMPTY,
        prompt_set__task=task,
        prompt_set__dataset=dataset,
        prompt_set__language=language,
        prompt_set__split=split,
    )
    draws = ((derive_seed(seed, "prompt", key), pk) for pk, key in found.values_list("pk", "key").iterator())
    drawn = [pk for _, pk in heapq.nsmallest(limit, draws)]
    rows = found.select_related("prompt_set").in_bulk(drawn)
    return [rows[pk].as_record() for pk in drawn]


def judged_in(prompt_set: PromptSet) -> QuerySet[Comparison]:
    """Comparisons with standing judgments; annotated after this, MEAN_POINTS sees those alone."""
    return _judged(prompt_set.task).filter(prompt__prompt_set=prompt_set)


def rated_in(prompt_set: PromptSet) -> QuerySet[Response]:
    """Responses with ratings."""
    return _rated(prompt_set.task).filter(prompt__prompt_set=prompt_set)


def _available(prompt_set: PromptSet) -> Available:
    judged = judged_in(prompt_set).annotate(mean=MEAN_POINTS)
    rated = rated_in(prompt_set).annotate(mean=SHARE_GOOD)
    pairs = judged.aggregate(all=Count("pk"), undecided=Count("pk", filter=Q(mean=1)))
    singles = rated.aggregate(all=Count("pk"), undecided=Count("pk", filter=Q(mean=0.5)))
    return Available(
        prompt_set,
        num_prompts=prompt_set.prompts.filter(NOT_EMPTY).count(),
        num_preferences=pairs["all"] - pairs["undecided"],
        num_ratings=singles["all"] - singles["undecided"],
        num_undecided=pairs["undecided"] + singles["undecided"],
    )


def _preferences(judged: QuerySet[Comparison]) -> Iterator[records.Preference]:
    rows = (
        judged.annotate(mean=MEAN_POINTS)
        .exclude(mean=1)
        .select_related("prompt__prompt_set", "first", "second")
    )
    for row in rows.order_by("prompt__key", "first__digest", "second__digest", "pk").iterator(CHUNK):
        better, worse = (row.first, row.second) if row.mean > 1 else (row.second, row.first)
        if not (better.text.strip() and worse.text.strip()):
            continue  # a policy may write nothing, and a reward model cannot read nothing
        yield records.Preference(prompt=row.prompt.as_record(), chosen=better.text, rejected=worse.text)


def _ratings(rated: QuerySet[Response]) -> Iterator[records.Rating]:
    rows = rated.annotate(mean=SHARE_GOOD).exclude(mean=0.5).select_related("prompt__prompt_set")
    for row in rows.order_by("prompt__key", "digest", "pk").iterator(CHUNK):
        yield records.Rating(prompt=row.prompt.as_record(), response=row.text, good=row.mean > 0.5)


def _judged(task: str) -> QuerySet[Comparison]:
    return Comparison.objects.filter(
        study__task=task,
        study__purpose__in=FEEDBACK_PURPOSES,
        judgments__isnull=False,
        judgments__replaced_by=None,
    )


def _rated(task: str) -> QuerySet[Response]:
    return Response.objects.filter(prompt__prompt_set__task=task, ratings__isnull=False)
