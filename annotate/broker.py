"""The doorbell that tells workers of queued runs; a message may be lost or doubled, for the rows count."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from annotate.models import Run

logger = logging.getLogger(__name__)

TASK = "workers.execute_run"
CPU, GPU = "cpu", "gpu"
QUEUES = (CPU, GPU)
CONFIGURATION = {
    "broker_url": settings.BROKER_URL,
    "task_queues": {name: {"exchange": name, "routing_key": name} for name in QUEUES},
    "task_default_queue": CPU,
    "task_ignore_result": True,
}
ONE_RETRY = {"max_retries": 1, "interval_start": 0}  # enough for a pooled connection that went stale

producer = Celery("annotate", set_as_current=False)
producer.conf.update(CONFIGURATION)
producer.conf.broker_transport_options = {"socket_connect_timeout": 3, "socket_timeout": 5}  # a page waits


def queue_of(kind: str) -> str:
    """The queue of a kind of run: choosing needs no accelerator, everything else is faster on one."""
    return CPU if kind == Run.Kind.BEST_OF_N else GPU


def announce(run_ids: Iterable[int]) -> None:
    """Ring for queued runs. A broker that is down is logged; the workers' sweep announces them again."""
    with _tolerated():
        for run_id, kind in Run.objects.filter(pk__in=list(run_ids)).values_list("pk", "kind"):
            producer.send_task(TASK, args=[run_id], queue=queue_of(kind), retry_policy=ONE_RETRY)


def announce_forgotten() -> None:
    """Ring for the queued runs of a queue without messages: theirs were lost, or died with a worker."""
    for queue in QUEUES:
        kinds = [kind for kind in Run.Kind.values if queue_of(kind) == queue]
        queued = Run.objects.filter(status=Run.Status.QUEUED, kind__in=kinds)
        with _tolerated():
            if queued.exists() and not _num_messages(queue):
                announce(queued.values_list("pk", flat=True))


def _num_messages(queue: str) -> int:
    with producer.connection_for_write() as connection:
        return int(connection.default_channel.queue_declare(queue=queue).message_count)


@contextmanager
def _tolerated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); runs stay queued until it can.", error)
