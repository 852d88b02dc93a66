"""A worker takes the next run: the best queued one that fits it, whichever message it heard."""

from datetime import datetime

from django.db import transaction

from annotate.models import Attempt, Run, Worker


@transaction.atomic
def claim_next(worker: Worker, *, now: datetime) -> Run | None:
    """Take the run that goes first among those that fit `worker`, and begin an attempt at it. None where
    nothing fits, or the worker is being stopped.
    """
    # Writing the worker's row first keeps a stop from coming between this check and the claim.
    if not Worker.objects.filter(pk=worker.pk, stopped_at=None).update(heartbeat_at=now):
        return None
    run = Run.objects.claim_best(
        worker=worker.name, queues=worker.queues, memory=worker.usable_bytes, now=now
    )
    if run is not None:
        Run.objects.held(run).update(code_version=worker.code_version)
        _begin_attempt(run, worker, now)
    return run


def _begin_attempt(run: Run, worker: Worker, now: datetime) -> None:
    Attempt.objects.create(
        run=run,
        number=run.attempt,
        worker=worker.name,
        device=worker.devices[0]["name"] if worker.devices else "",
        num_devices=len(worker.devices),
        started_at=now,
        done_before=run.done,
    )
