"""One of several processes that do one command together: who it is, and how it ends with the others.

Torch is not imported here: whoever is alone needs none of this.
"""

import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

OUTCOME = "ALIGNMENT_OUTCOME"  # names the file for the starter, in the environment
STANDARD_INPUT = 0


class LeftToFirstError(Exception):
    """This process has done its share; the first one finishes the work."""


class StartAgainError(Exception):
    """All processes must end and start again, from the newest checkpoint."""


def is_member() -> bool:
    """Whether this process was started as one of several. Other launchers' variables say nothing to us."""
    return OUTCOME in os.environ


def is_first() -> bool:
    """Whether this process reports and writes."""
    return not is_member() or os.environ["RANK"] == "0"


def num_processes() -> int:
    """How many do this work together."""
    return int(os.environ["WORLD_SIZE"]) if is_member() else 1


def leave_word(status: int, sentence: str) -> None:
    """Tell the starter how the work ended; the first word counts. Does nothing in a process of its own."""
    if is_member():
        outcome = Path(os.environ[OUTCOME])
        partial = outcome.with_name(f"word of {os.getpid()}")
        partial.write_text(json.dumps({"status": status, "sentence": sentence}), encoding="utf-8")
        with suppress(FileExistsError):
            os.link(partial, outcome)
        partial.unlink()


def die_with_starter() -> None:
    """End this process for certain when the starter ends, in whatever way. For the processes of `launch`.

    They are in sessions of their own, where no signal to the starter's group reaches them. Their standard
    input is a pipe whose other end only the starter holds.
    """
    if is_member():
        threading.Thread(target=_die_at_end_of_input, daemon=True).start()


def _die_at_end_of_input() -> None:
    while os.read(STANDARD_INPUT, 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
