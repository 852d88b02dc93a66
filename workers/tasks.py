"""The one task: claim a run, do its work, report."""

import logging
import os
import shutil
import traceback
from pathlib import Path

from django.utils import timezone

from alignment.errors import AlignmentError
from annotate import broker
from annotate.models import Run
from annotate.services import runs
from annotate.services.claims import claim_next
from annotate.services.runs import NewArtifact, RunTakenAwayError
from workers.announcement import listened_queues, this_worker
from workers.celery import app
from workers.heartbeat import Heartbeat
from workers.job import store
from workers.jobs import JOBS
from workers.process import ProcessFailedError, ProcessHungError, run_alignment, shown_command

logger = logging.getLogger(__name__)


@app.task(name=broker.TASK)
def execute_run(run_id: int) -> None:
    """Do the queued run that goes first; the id only tells which one rang. A doubled message is harmless."""
    now = timezone.now()
    run = claim_next(this_worker(os.getppid(), listened_queues(app), now=now), now=now)
    if run is None:
        return
    logger.info("%s: attempt %d", run, run.attempt)
    try:
        _do(run, Heartbeat(run))
    except RunTakenAwayError:
        logger.info("%s was cancelled or taken away", run)
    except AlignmentError as error:
        runs.fail(run, error=str(error), kind=Run.ErrorKind.USER, now=timezone.now())
    except ProcessHungError as error:
        runs.try_again(run, error=str(error), now=timezone.now())
    except ProcessFailedError as error:
        runs.fail(run, error=str(error), kind=Run.ErrorKind.OURS, now=timezone.now())
    except Exception:
        logger.exception("%s failed", run)
        runs.fail(run, error=traceback.format_exc(), kind=Run.ErrorKind.OURS, now=timezone.now())


def _do(run: Run, heartbeat: Heartbeat) -> None:
    """Run the command, store its output, and make rows of it."""
    job, directory = JOBS[run.kind], runs.work_directory(run)
    output = directory / job.output
    arguments = [*job.arguments(run), "--output", str(output)]
    heartbeat.write(command=shown_command(arguments))
    result = run_alignment(arguments, directory=directory, heartbeat=heartbeat)
    heartbeat.write()
    artifact = NewArtifact(job.role, job.output, store().put(output, alive=heartbeat.beat))
    runs.finish(
        run,
        artifact=artifact,
        result=job.read_result(output) if job.read_result else result,
        record=lambda: job.record(run, output),
        now=timezone.now(),
    )
    _clear(directory)


def _clear(directory: Path) -> None:
    """Remove checkpoints and outputs, which are in the store now; the log stays."""
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("log", "lock"):
            path.unlink()
