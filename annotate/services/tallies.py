"""How far the runs of many experiments are, for a list: counts by state, in one query."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import Count

from annotate.models import Experiment, Run

SHOWN = (Run.Status.RUNNING, Run.Status.QUEUED, Run.Status.FAILED, Run.Status.CANCELLED)


class Tally(NamedTuple):
    """An experiment and the number of its runs; states: those worth a word, with their counts."""

    experiment: Experiment
    num_succeeded: int
    num_runs: int
    states: list[tuple[Run.Status, int]]


def tallies(experiments: Iterable[Experiment]) -> list[Tally]:
    """One for each, in their order."""
    wanted = list(experiments)
    links = Run.experiments.through.objects.filter(experiment__in=wanted)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for pk, status, count in links.values_list("experiment", "run__status").annotate(Count("pk")):
        counts[pk][status] = count
    return [_tally(experiment, counts[experiment.pk]) for experiment in wanted]


def _tally(experiment: Experiment, counts: Counter[str]) -> Tally:
    states = [(status, counts[status]) for status in SHOWN if counts[status]]
    return Tally(experiment, counts[Run.Status.SUCCEEDED], counts.total(), states)
