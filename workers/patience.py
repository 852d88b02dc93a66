"""Patience with a database that restarts: finished work is not lost because nobody could be told of it."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

OUTAGE = (OperationalError, InterfaceError)
PATIENCE_SECONDS = 900.0  # a crashed server has replayed its log by then, or somebody must mend it
PAUSE_SECONDS = 1.0

Written = TypeVar("Written")


def patiently(
    write: Callable[[], Written], *, patience: float = PATIENCE_SECONDS, pause: float = PAUSE_SECONDS
) -> Written:
    """Call `write` until the database can be reached. At the end of the patience its error is raised.

    It may be called after a commit whose answer was lost, so it must be fenced or harmless when repeated.
    """
    ends = time.monotonic() + patience
    while True:
        try:
            return write()
        except OUTAGE as error:
            if connection.in_atomic_block or time.monotonic() > ends:
                raise
            logger.warning("The database cannot be reached (%s); trying again.", str(error).strip())
            connection.close()
            time.sleep(pause)
