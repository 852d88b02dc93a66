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
from workers.disk import lack_of_room
from workers.heartbeat import Heartbeat
from workers.job import store
from workers.jobs import JOBS
from workers.patience import OUTAGE, patiently
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
    except OUTAGE:
        logger.exception("%s lost the database", run)
        _try_again(run, "The database could not be reached.")
    except AlignmentError as error:
        _fail(run, str(error), Run.ErrorKind.USER)
    except ProcessHungError as error:
        _try_again(run, str(error))
    except ProcessFailedError as error:
        _fail_by_fault(run, str(error))
    except Exception:
        logger.exception("%s failed", run)
        _fail_by_fault(run, traceback.format_exc())


def _try_again(run: Run, error: str) -> None:
    patiently(lambda: runs.try_again(run, error=error, now=timezone.now()))


def _fail_by_fault(run: Run, report: str) -> None:
    """Whatever broke when a disk was full, it is for a person to mend."""
    full = lack_of_room(report)
    _fail(run, full or report, Run.ErrorKind.USER if full else Run.ErrorKind.OURS)


def _fail(run: Run, error: str, kind: Run.ErrorKind) -> None:
    patiently(lambda: runs.fail(run, error=error, kind=kind, now=timezone.now()))


def _do(run: Run, heartbeat: Heartbeat) -> None:
    """Run the command, store its output, and make rows of it."""
    job, directory = JOBS[run.kind], runs.work_directory(run)
    output = directory / job.output
    arguments = [*job.arguments(run), "--output", str(output)]
    patiently(lambda: heartbeat.write(command=shown_command(arguments)))
    result = run_alignment(arguments, directory=directory, heartbeat=heartbeat)
    patiently(heartbeat.write)
    artifact = NewArtifact(job.role, job.output, store().put(output, alive=heartbeat.beat))
    if job.read_result:
        result = job.read_result(output)
    patiently(
        lambda: runs.finish(
            run,
            artifact=artifact,
            result=result,
            record=lambda: job.record(run, output),
            now=timezone.now(),
        )
    )
    _clear(directory)


def _clear(directory: Path) -> None:
    """Remove checkpoints and outputs, which are in the store now; the log stays."""
    for path in directory.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("log", "lock"):
            path.unlink()
