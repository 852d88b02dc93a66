"""Runs change state: queued, cancelled, retried by people; finished, failed, put back by workers.

Whoever ends a run's attempt ends its `Attempt` in the same transaction, so that none is ever left open.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F

from alignment.artifacts import Stored
from annotate import broker
from annotate.errors import RunStateError
from annotate.models import Artifact, Attempt, Run, User
from annotate.services import audit, news
from annotate.services.workers import takeable
from annotate.storable import lost_numbers, storable

SILENT = (
    f"Its worker fell silent {Run.MAX_ATTEMPTS} times. The machine may lack memory: "
    "read the log, then retry with more memory or less work."
)


class RunTakenAwayError(Exception):
    """This attempt no longer has the run: it was cancelled, or given to another worker."""


class NewArtifact(NamedTuple):
    """What an attempt left in the artifact store, and what it is to the run."""

    role: str
    name: str
    stored: Stored


def queue_ready() -> None:
    """Queue each waiting run whose parents have all succeeded, and announce it. Call it after a commit."""
    ready = list(Run.objects.ready().values_list("pk", flat=True))
    Run.objects.filter(pk__in=ready).queue()
    transaction.on_commit(lambda: broker.announce(ready))


@transaction.atomic
def cancel(run: Run, *, by: User | None = None, now: datetime) -> None:
    """Stop an unfinished run; a worker that has it notices with its next heartbeat and ends the process.

    Its children keep waiting: a retry lets them go on. by: None is the software.
    Raises RunStateError when the run has ended.
    """
    if not Run.objects.filter(pk=run.pk).cancel(now=now):
        raise RunStateError("This run has ended already, so there is nothing to cancel.")
    Attempt.objects.filter(run=run).end(Attempt.Outcome.CANCELLED, now=now)
    audit.record(by, "run.cancelled", run)
    _tell_afterwards(run, now)


@transaction.atomic
def retry(run: Run, *, by: User | None = None) -> None:
    """Start a failed or cancelled run again from its last checkpoint. Raises RunStateError otherwise."""
    if not Run.objects.filter(pk=run.pk).reset():
        raise RunStateError("Only a failed or cancelled run can be retried.")
    audit.record(by, "run.retried", run)
    queue_ready()


@transaction.atomic
def finish(
    run: Run, *, artifact: NewArtifact, result: dict[str, Any], record: Callable[[], None], now: datetime
) -> None:
    """Succeed: the artifact, the result and the rows that `record` makes appear together, or not at all.

    Raises RunTakenAwayError when this attempt no longer has the run.
    """
    done = Run.objects.held(run).update(
        status=Run.Status.SUCCEEDED, result=storable(result), done=F("total"), finished_at=now
    )
    if not done:
        raise RunTakenAwayError
    Attempt.objects.filter(run=run).end(Attempt.Outcome.SUCCEEDED, now=now)
    if lost := lost_numbers(result):
        _note(run, f"Not a finite number, so kept as null: {', '.join(lost)}.")
    Artifact.objects.create(
        run=run,
        role=artifact.role,
        name=artifact.name,
        digest=artifact.stored.digest,
        num_bytes=artifact.stored.num_bytes,
    )
    record()
    # After the commit, because two parents that finish at once do not see each other's success before.
    transaction.on_commit(queue_ready, robust=True)
    _tell_afterwards(run, now)


@transaction.atomic
def release(worker: str, *, now: datetime) -> None:
    """Queue what a worker that is being stopped has under way; the broken attempts do not count."""
    held = list(Run.objects.filter(status=Run.Status.RUNNING, worker=worker).values_list("pk", flat=True))
    Run.objects.filter(pk__in=held, worker=worker).release()
    Attempt.objects.filter(run__in=held).end(Attempt.Outcome.GIVEN_BACK, now=now)
    transaction.on_commit(lambda: broker.announce(held))


@transaction.atomic
def give_back_held_back(*, now: datetime) -> None:
    """Queue what is under way for paused experiments alone; the broken attempts do not count."""
    if Run.objects.held_back().release():
        Attempt.objects.end(Attempt.Outcome.GIVEN_BACK, now=now)


@transaction.atomic
def fail(run: Run, *, error: str, kind: Run.ErrorKind, now: datetime) -> None:
    """Fail with an error, unless this attempt no longer has the run."""
    Run.objects.held(run).update(
        status=Run.Status.FAILED, error=storable(error), error_kind=kind, finished_at=now
    )
    Attempt.objects.filter(run=run).end(Attempt.Outcome.FAILED, now=now)
    _tell_afterwards(run, now)


@transaction.atomic
def try_again(run: Run, *, error: str, now: datetime) -> None:
    """Queue a run whose attempt went wrong as the next may not; after the last attempt it fails with `error`.

    Does nothing when this attempt no longer has the run.
    """
    held = Run.objects.held(run)
    if held.put_back():
        transaction.on_commit(lambda: broker.announce([run.pk]))
    elif not held.give_up(error=error, now=now):
        return
    Attempt.objects.filter(run=run).end(Attempt.Outcome.FAILED, now=now)
    _note(run, f"Attempt {run.attempt}: {error}")
    _tell_afterwards(run, now)


def recover(*, silent_since: datetime, now: datetime) -> None:
    """Put silent runs back, fail those that used every attempt, and announce what nobody was told of.

    It also gives back what was claimed while its experiment was being paused.
    """
    _put_back_silent(silent_since, now)
    give_back_held_back(now=now)
    queue_ready()
    broker.announce_forgotten(takeable(now))


@transaction.atomic
def _put_back_silent(silent_since: datetime, now: datetime) -> None:
    silent = Run.objects.silent_since(silent_since)
    if silent.put_back() + silent.give_up(error=SILENT, now=now):
        Attempt.objects.lose()


def _tell_afterwards(run: Run, now: datetime) -> None:
    """Tell people what ended with it; the sweep tells of what is lost here, or ends in bulk."""
    transaction.on_commit(lambda: news.tell(run, now=now), robust=True)


def _note(run: Run, sentence: str) -> None:
    """Keep a sentence with the run, in a transaction that has written its row and so keeps others off it."""
    notes = Run.objects.filter(pk=run.pk).values_list("notes", flat=True).get()
    Run.objects.filter(pk=run.pk).update(notes=[*notes, sentence])


def work_directory(run: Run) -> Path:
    """Where its attempts work, one after another: checkpoints and the log. Equal work has the same place."""
    return Path(settings.RUNS) / run.identity
