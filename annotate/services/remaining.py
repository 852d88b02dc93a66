"""How long work will still take: by a run's own pace, else by what runs of its kind took before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from annotate.models import Attempt, Run
from annotate.services.rates import Rates, model_of


class Timed(NamedTuple):
    """A run of a list. seconds_left: by its own pace; None where it does not run, or has no pace yet."""

    run: Run
    seconds_left: float | None


class Remaining(NamedTuple):
    """seconds: until all is done, for num_workers workers; unmeasured: kinds whose pace nobody knows yet.

    The kinds that are unmeasured are not in the seconds, so these are a lower bound then.
    """

    seconds: float
    num_workers: int
    unmeasured: tuple[str, ...]


def timed(runs: Iterable[Run]) -> list[Timed]:
    """Rows of a list; the runs come with their attempts under way."""
    return [Timed(run, at_own_pace(run, run.attempts.all())) for run in runs]


def at_own_pace(run: Run, attempts: Iterable[Attempt]) -> float | None:
    """By the units that this attempt has done since it began. None before the first, and where none runs."""
    if run.status != Run.Status.RUNNING:
        return None
    attempt = next((one for one in attempts if one.number == run.attempt), None)
    if attempt is None or run.heartbeat_at is None or run.done <= attempt.done_before:
        return None
    took = (run.heartbeat_at - attempt.started_at).total_seconds()
    return max(run.total - run.done, 0) * took / (run.done - attempt.done_before)


def seconds_left(run: Run, attempts: Iterable[Attempt], rates: Rates) -> float | None:
    """Seconds of one worker that an unfinished run still needs. None where nothing was measured."""
    if (own := at_own_pace(run, attempts)) is not None:
        return own
    estimate = rates.estimate(run.kind, run.num_units, model=model_of(run))
    if estimate is None:
        return None
    return estimate.seconds * (1 - run.done / run.total if run.total else 1)


def remaining(
    runs: Sequence[Run], attempts: Mapping[int, Sequence[Attempt]], rates: Rates, *, num_workers: int
) -> Remaining:
    """Time left for the unfinished ones of `runs`, which come with their parents.

    No number of workers is quicker than the longest chain of runs that wait for each other.
    """
    left: dict[int, float] = {}
    unmeasured: set[str] = set()
    for run in runs:
        if not run.is_terminal:
            seconds = seconds_left(run, attempts.get(run.pk, ()), rates)
            left[run.pk] = seconds or 0.0
            if seconds is None:
                unmeasured.add(run.get_kind_display())
    chains: dict[int, float] = {}
    for run in sorted(runs, key=lambda run: run.pk):  # parents are planned, and so numbered, before children
        before = max((chains.get(parent.pk, 0.0) for parent in run.parents.all()), default=0.0)
        chains[run.pk] = before + left.get(run.pk, 0.0)
    shared = sum(left.values()) / max(num_workers, 1)
    return Remaining(max(shared, max(chains.values(), default=0.0)), num_workers, tuple(sorted(unmeasured)))
