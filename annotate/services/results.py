"""Results: what people said of each source and target, counted where the rows are."""

from collections import Counter, defaultdict
from typing import NamedTuple

from django.db.models import Count, Prefetch, QuerySet

from alignment.languages import OffLanguage, off_language
from alignment.statistics.win_rate import BothBad, WinRate, win_rates_by_cell
from annotate.models import Comparison, Experiment, Judge, Judgment, Language, Response, System

CellKey = tuple[str, str]


class Cell(NamedTuple):
    """One source and target of an experiment; win_rate is None until somebody has judged there."""

    source: str
    target: str
    num_comparisons: int
    num_judged: int
    win_rate: WinRate | None


class Matrix(NamedTuple):
    """The win rates of an experiment: rows are sources, columns targets; both_bad says how those counted."""

    sources: list[Language]
    targets: list[Language]
    cells: dict[CellKey, Cell]
    both_bad: BothBad

    def rows(self) -> list[tuple[Language, list[Cell]]]:
        """Each source with its cells in the order of the targets."""
        return [
            (source, [self.cells[source.tag, target.tag] for target in self.targets])
            for source in self.sources
        ]

    @property
    def methods(self) -> list[str]:
        """How the win rates were computed."""
        return sorted({cell.win_rate.method for cell in self.cells.values() if cell.win_rate})


def win_rate_matrix(experiment: Experiment, *, both_bad: BothBad) -> Matrix:
    """Win rate of the aligned responses in every cell, by people; equal texts count as ties."""
    sources, targets = list(experiment.sources.all()), list(experiment.targets.all())
    counts = _counts(experiment)
    rates = _rates(evaluated(experiment), both_bad)
    cells = {
        (source.tag, target.tag): Cell(
            source.tag,
            target.tag,
            *counts.get((source.tag, target.tag), (0, 0)),
            rates.get((source.tag, target.tag)),
        )
        for source in sources
        for target in targets
    }
    return Matrix(sources, targets, cells, both_bad)


def evaluated(experiment: Experiment) -> QuerySet[Judgment]:
    """The standing judgments of people and of the rule on the experiment's comparisons."""
    return (
        Judgment.objects.standing()
        .filter(
            comparison__study__experiment=experiment,
            judge__kind__in=[Judge.Kind.PERSON, Judge.Kind.RULE],
        )
        .order_by("pk")
    )


def judged_examples(experiment: Experiment, source: str, target: str) -> QuerySet[Comparison]:
    """The comparisons of one cell that have a verdict, with all that a page shows of them."""
    return (
        Comparison.objects.filter(study__experiment=experiment, first__system__source=source, language=target)
        .filter(judgments__isnull=False)
        .distinct()
        .select_related("prompt__prompt_set", "first__system", "second__system", "language")
        .prefetch_related(Prefetch("judgments", Judgment.objects.standing().select_related("judge")))
        .order_by("position")
    )


def off_language_shares(experiment: Experiment) -> list[tuple[System, OffLanguage]]:
    """For each system of the experiment, how often it left its target language."""
    systems = System.objects.filter(run__experiments=experiment).order_by("language", "kind", "name")
    detected = Response.objects.filter(system__run__experiments=experiment).order_by()
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for pk, language, count in detected.values_list("system", "detected_language").annotate(Count("pk")):
        counts[pk][language] = count
    return [
        (system, off_language(Counter(counts[system.pk]).elements(), system.language_id))
        for system in systems
        if counts[system.pk]
    ]


def _counts(experiment: Experiment) -> dict[CellKey, tuple[int, int]]:
    """Number of comparisons, and of those with a verdict, by cell."""
    rows = (
        Comparison.objects.filter(study__experiment=experiment)
        .values_list("first__system__source", "language")
        .annotate(Count("pk", distinct=True), Count("judgments__comparison", distinct=True))
    )
    return {(source, target): (everything, judged) for source, target, everything, judged in rows}


def _rates(judgments: QuerySet[Judgment], both_bad: BothBad) -> dict[CellKey, WinRate]:
    rows = list(
        judgments.values_list(
            "comparison__first__system__source",
            "comparison__language",
            "points",
            "comparison__prompt",
            "both_bad",
            "comparison__identical",
        )
    )
    if not rows:
        return {}
    sources, targets, points, prompts, both_bad_flags, identical = zip(*rows, strict=True)
    rates = win_rates_by_cell(
        [f"{source} {target}" for source, target in zip(sources, targets, strict=True)],
        points,
        prompts,
        both_bad=both_bad,
        both_bad_flags=both_bad_flags,
        identical=identical,
    )
    return {tuple(name.split()): rate for name, rate in rates.items()}
