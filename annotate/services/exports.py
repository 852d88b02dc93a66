"""Exports: a data set as the records that it was imported from, so that importing them adds nothing."""

from collections.abc import Collection, Iterator

from django.db.models import Exists, OuterRef, Q, QuerySet

from alignment import records
from alignment.data.formats.format import Record
from annotate.errors import UnknownNameError
from annotate.models import Comparison, Judge, Judgment, Prompt, PromptSet, Rating, Response, Study, System
from annotate.services.feedback import CHUNK, NOT_EMPTY, feedback_records
from annotate.services.import_rows import imported_name


def imported_records(task: str, dataset: str, languages: Collection[str] = ()) -> Iterator[Record]:
    """Preferences and ratings of a data set, its responses without either, its prompts without responses.

    languages: only these; all where none is named. Raises UnknownNameError for a data set that the task has
    not, in one of them either.
    """
    sets = _sets(task, dataset, languages)
    yield from _preferences(sets)
    yield from _ratings(sets)
    yield from _responses(sets)
    yield from _prompts(sets)


def all_feedback(
    task: str, dataset: str, languages: Collection[str] = ()
) -> Iterator[records.Preference | records.Rating]:
    """What reward models learn from: imported and collected verdicts, combined. Otherwise as above."""
    found = _sets(task, dataset, languages).values_list("language", flat=True)
    return feedback_records(task, dataset, found, records.SPLITS)


def _sets(task: str, dataset: str, languages: Collection[str]) -> QuerySet[PromptSet]:
    sets = PromptSet.objects.filter(task=task, dataset=dataset)
    if not sets:
        raise UnknownNameError(f'There is no data set "{dataset}" for the task {task}. Import it first.')
    missing = set(languages) - set(sets.values_list("language", flat=True))
    if missing:
        raise UnknownNameError(f'The data set "{dataset}" has nothing in {", ".join(sorted(missing))}.')
    return sets.filter(language__in=languages) if languages else sets


def _preferences(sets: QuerySet[PromptSet]) -> Iterator[records.Preference]:
    judgments = Judgment.objects.filter(
        judge__kind=Judge.Kind.DATASET,
        replaces=None,
        comparison__study__purpose=Study.Purpose.IMPORTED,
        comparison__prompt__prompt_set__in=sets,
    ).select_related("comparison__prompt__prompt_set", "comparison__first", "comparison__second")
    for judgment in judgments.order_by("pk").iterator(CHUNK):
        pair = judgment.comparison
        better, worse = (pair.first, pair.second) if judgment.points == 2 else (pair.second, pair.first)
        yield records.Preference(prompt=pair.prompt.as_record(), chosen=better.text, rejected=worse.text)


def _ratings(sets: QuerySet[PromptSet]) -> Iterator[records.Rating]:
    ratings = Rating.objects.filter(judge__kind=Judge.Kind.DATASET, response__prompt__prompt_set__in=sets)
    rows = ratings.select_related("response__prompt__prompt_set", "response__system")
    for rating in rows.order_by("pk").iterator(CHUNK):
        response = rating.response
        prompt = response.prompt.as_record()
        named = response.system.name != imported_name(prompt.dataset)
        yield records.Rating(
            prompt=prompt,
            response=response.text,
            good=rating.good,
            system=response.system.name if named else "",
        )


def _responses(sets: QuerySet[PromptSet]) -> Iterator[records.SystemResponse]:
    """Imported responses that no data set judges."""
    judged = Comparison.objects.filter(Q(first=OuterRef("pk")) | Q(second=OuterRef("pk")))
    rated = Rating.objects.filter(response=OuterRef("pk"), judge__kind=Judge.Kind.DATASET)
    responses = Response.objects.filter(
        ~Exists(rated),
        ~Exists(judged.filter(study__purpose=Study.Purpose.IMPORTED)),
        prompt__prompt_set__in=sets,
        system__kind=System.Kind.IMPORTED,
    )
    for response in responses.select_related("prompt__prompt_set", "system").order_by("pk").iterator(CHUNK):
        yield records.SystemResponse(
            prompt=response.prompt.as_record(), response=response.text, system=response.system.name
        )


def _prompts(sets: QuerySet[PromptSet]) -> Iterator[records.Prompt]:
    """Prompts that no imported response answers."""
    answers = Response.objects.filter(prompt=OuterRef("pk"), system__kind=System.Kind.IMPORTED)
    prompts = Prompt.objects.filter(NOT_EMPTY, ~Exists(answers), prompt_set__in=sets)
    for prompt in prompts.select_related("prompt_set").order_by("pk").iterator(CHUNK):
        yield prompt.as_record()
