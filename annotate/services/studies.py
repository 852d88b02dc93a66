"""Studies: what runs selected becomes comparisons with seats, in a random order that can be replayed."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from alignment.randomness import derive_seed
from annotate.models import Assignment, Comparison, Experiment, Judge, Judgment, Response, Run, Study

IDENTICAL_TEXTS = "equal texts are a tie"


def extend_studies(run: Run) -> None:
    """Queue what a finished best-of-n run chose to the annotators of every experiment that it serves."""
    for experiment in run.experiments.all():
        extend_study(experiment, run)


@transaction.atomic
def extend_study(experiment: Experiment, run: Run) -> Study:
    """Add one comparison for each prompt of a best-of-n run: chosen first, unaligned second. Idempotent.

    Where both are the same text, the comparison is a tie by rule and nobody is asked.
    """
    Study.objects.get_or_create(
        experiment=experiment,
        defaults={
            "name": experiment.name,
            "purpose": Study.Purpose.EVALUATE,
            "task": experiment.task,
            "votes_wanted": experiment.votes_wanted,
            "seed": derive_seed(experiment.seed, "study") % 2**31,
            "status": Study.Status.OPEN,
        },
    )
    study = Study.objects.select_for_update().get(experiment=experiment)  # one extension at a time
    add_comparisons(study, _pairs(study, run))
    return study


def add_comparisons(study: Study, pairs: Iterable[tuple[Response, Response]]) -> None:
    """Create comparisons of (first, second) responses to the same prompt, with their seats."""
    comparisons = [_comparison(study, first, second) for first, second in pairs]
    Comparison.objects.bulk_create(comparisons, batch_size=500)
    seats = [seat for comparison in comparisons for seat in _seats(study, comparison)]
    Assignment.objects.bulk_create(seats, batch_size=500)
    _judge_identical([comparison for comparison in comparisons if comparison.identical])


def _pairs(study: Study, run: Run) -> list[tuple[Response, Response]]:
    """(chosen, unaligned) for each prompt of the run that the study does not compare yet."""
    unaligned = {
        response.prompt_id: response
        for response in Response.objects.filter(system__run__in=run.parents.filter(kind=Run.Kind.SAMPLE))
    }
    known = study.comparisons.values("first")
    chosen = (
        Response.objects.filter(system__run=run)
        .exclude(pk__in=known)
        .select_related("prompt__prompt_set", "system")
        .order_by("pk")
    )
    return [(response, unaligned[response.prompt_id]) for response in chosen]


def _comparison(study: Study, first: Response, second: Response) -> Comparison:
    return Comparison(
        study=study,
        prompt=first.prompt,
        first=first,
        second=second,
        language_id=first.prompt.prompt_set.language_id,
        position=derive_seed(study.seed, "position", first.prompt.key, first.system.name),
        identical=first.digest == second.digest,
    )


def _seats(study: Study, comparison: Comparison) -> list[Assignment]:
    """As many seats as votes are wanted; the sides alternate, so that each is shown as often as the other."""
    if comparison.identical:
        return []
    names = ("side", comparison.prompt.key, comparison.first.system.name)
    start = derive_seed(study.seed, *names) % 2
    return [
        Assignment(comparison=comparison, swapped=(start + seat) % 2 == 1)
        for seat in range(study.votes_wanted)
    ]


def _judge_identical(comparisons: list[Comparison]) -> None:
    rule, _ = Judge.objects.get_or_create(kind=Judge.Kind.RULE, name=IDENTICAL_TEXTS)
    now = timezone.now()
    Judgment.objects.bulk_create(
        [Judgment(judge=rule, comparison=comparison, points=1, created_at=now) for comparison in comparisons],
        batch_size=500,
    )
