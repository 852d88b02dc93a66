"""The doorbell that tells workers of queued runs; a message may be lost or doubled, for the rows count."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from annotate.models import Run
from annotate.models.runs import RunQuerySet

logger = logging.getLogger(__name__)

TASK = "workers.execute_run"
QUEUES = tuple(str(queue) for queue in Run.Queue)
MOST_RINGS = 100  # for one queue in one sweep
CONFIGURATION = {
    "broker_url": settings.BROKER_URL,
    "task_queues": {name: {"exchange": name, "routing_key": name} for name in QUEUES},
    "task_default_queue": str(Run.Queue.CPU),
    "task_ignore_result": True,
}
ONE_RETRY = {"max_retries": 1, "interval_start": 0}  # enough for a pooled connection that went stale

PATIENCE = {"socket_connect_timeout": 3, "socket_timeout": 5}  # seconds, because a page waits
IMPATIENT = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 1, "interval_start": 0}

producer = Celery("annotate", set_as_current=False)
producer.conf.update(CONFIGURATION)
producer.conf.broker_transport_options = PATIENCE


def announce(run_ids: Iterable[int]) -> None:
    """Ring once for each of these runs. A broker that is down is logged; the workers' sweep rings again."""
    with _tolerated():
        for run_id, queue in Run.objects.filter(pk__in=list(run_ids)).values_list("pk", "queue"):
            producer.send_task(TASK, args=[run_id], queue=queue, retry_policy=ONE_RETRY)


def announce_forgotten(takeable: RunQuerySet) -> None:
    """Ring for runs that some worker could take, on each queue without messages: theirs were lost, or heard
    by a worker that was too small.

    Who hears a message takes the best run, so a few are enough; the next sweep rings for the rest.
    """
    for queue in QUEUES:
        waiting = takeable.filter(queue=queue).in_order().values_list("pk", flat=True)
        with _tolerated():
            if waiting.exists() and not num_messages(queue):
                announce(waiting[:MOST_RINGS])


def num_messages(queue: str) -> int:
    """How many messages nobody has heard yet. Raises OperationalError soon where the broker is silent."""
    with producer.connection_for_write(transport_options=IMPATIENT) as connection:
        return int(connection.default_channel.queue_declare(queue=queue).message_count)


@contextmanager
def _tolerated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        logger.warning("The broker cannot be reached (%s); runs stay queued until it can.", error)
