"""The log of a run, as far as a page shows it."""

import os

from annotate.models import Run
from annotate.services.runs import work_directory

TAIL_BYTES = 16_384


def log_tail(run: Run) -> str:
    """The last lines of the run's log, or "" where it has none yet."""
    try:
        with (work_directory(run) / "log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text.partition("\n")[2] if len(text) >= TAIL_BYTES else text
