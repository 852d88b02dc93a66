"""Runs change state: queued, cancelled, retried by people; finished, failed, put back by workers."""

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
from annotate.models import Artifact, Run

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


def cancel(run: Run, *, now: datetime) -> None:
    """Stop an unfinished run; a worker that has it notices with its next heartbeat and ends the process.

    Its children keep waiting: a retry lets them go on. Raises RunStateError when the run has ended.
    """
    if not Run.objects.filter(pk=run.pk).cancel(now=now):
        raise RunStateError("This run has ended already, so there is nothing to cancel.")


def retry(run: Run) -> None:
    """Start a failed or cancelled run again from its last checkpoint. Raises RunStateError otherwise."""
    if not Run.objects.filter(pk=run.pk).reset():
        raise RunStateError("Only a failed or cancelled run can be retried.")
    queue_ready()


@transaction.atomic
def finish(
    run: Run, *, artifact: NewArtifact, result: dict[str, Any], record: Callable[[], None], now: datetime
) -> None:
    """Succeed: the artifact, the result and the rows that `record` makes appear together, or not at all.

    Raises RunTakenAwayError when this attempt no longer has the run.
    """
    done = Run.objects.held(run).update(
        status=Run.Status.SUCCEEDED, result=result, done=F("total"), finished_at=now
    )
    if not done:
        raise RunTakenAwayError
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


def release(worker: str) -> None:
    """Queue what a worker that is being stopped has under way; the broken attempts do not count."""
    held = list(Run.objects.filter(status=Run.Status.RUNNING, worker=worker).values_list("pk", flat=True))
    Run.objects.filter(pk__in=held, worker=worker).release()
    broker.announce(held)


def fail(run: Run, *, error: str, kind: Run.ErrorKind, now: datetime) -> None:
    """Fail with an error, unless this attempt no longer has the run."""
    Run.objects.held(run).update(status=Run.Status.FAILED, error=error, error_kind=kind, finished_at=now)


def recover(*, silent_since: datetime, now: datetime) -> None:
    """Put silent runs back, fail those that used every attempt, and announce what nobody was told of."""
    Run.objects.silent_since(silent_since).put_back()
    Run.objects.silent_since(silent_since).give_up(error=SILENT, now=now)
    queue_ready()
    broker.announce_forgotten()


def work_directory(run: Run) -> Path:
    """Where its attempts work, one after another: checkpoints and the log. Equal work has the same place."""
    return Path(settings.RUNS) / run.identity
