"""A worker says what it is: its row is written when it starts, and refreshed by its sweep."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from celery import Celery

from alignment.devices import read_machine
from annotate.models import Worker
from annotate.version import code_version


def worker_name(process_id: int) -> str:
    """Name the worker whose main process has this id, so that no two workers anywhere share a name."""
    return f"{os.uname().nodename}:{process_id}"


def listened_queues(app: Celery) -> list[str]:
    """The queues that were named on the command line, else all."""
    return sorted(app.amqp.queues.consume_from)


def begin(process_id: int, queues: Sequence[str], *, now: datetime) -> Worker:
    """Write the row of a worker that starts; another one may have had its name before a restart."""
    facts = _facts(queues, now) | {"started_at": now, "stopped_at": None}
    return Worker.objects.update_or_create(name=worker_name(process_id), defaults=facts)[0]


def refresh(process_id: int, queues: Sequence[str], *, now: datetime) -> None:
    """Look at the machine again; write the row, too, if there was no database at the start."""
    facts = _facts(queues, now)
    Worker.objects.update_or_create(
        name=worker_name(process_id), defaults=facts, create_defaults=facts | {"started_at": now}
    )


def this_worker(process_id: int, queues: Sequence[str], *, now: datetime) -> Worker:
    """The row of the worker whose main process has this id, written if it is not there yet."""
    known = Worker.objects.filter(name=worker_name(process_id)).first()
    return known or begin(process_id, queues, now=now)


def _facts(queues: Sequence[str], now: datetime) -> dict[str, Any]:
    machine = read_machine()
    return {
        "host": machine.host,
        "queues": list(queues),
        "num_cpus": machine.num_cpus,
        "memory_bytes": machine.memory_bytes,
        "available_bytes": machine.available_bytes,
        "devices": [asdict(device) for device in machine.devices],
        "code_version": code_version(),
        "heartbeat_at": now,
    }
