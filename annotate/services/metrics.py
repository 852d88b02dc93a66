"""Numbers for Prometheus, computed when it asks, in a handful of queries that stay cheap as tables grow."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min
from django.db.models.functions import Coalesce
from kombu.exceptions import OperationalError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from annotate import broker
from annotate.models import Attempt, Delivery, Judgment, Run, Worker
from annotate.services.workers import alive

Samples = Sequence[tuple[tuple[str, ...], float]]
DEVICE = ("worker", "device", "name")


def as_text(*, now: datetime) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_AtScrape(now))
    return generate_latest(registry)


class _AtScrape(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield from _runs(self.now)
        yield from _attempts()
        yield from _workers(self.now)
        yield from _judgments(self.now)
        yield from _deliveries()
        yield from _messages()
        yield from _disk()


def _gauge(name: str, meaning: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"polyreward_{name}", meaning, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _runs(now: datetime) -> Iterator[Metric]:
    """Combinations without a run are 0, so that an alert can tell none from nothing known."""
    counted = Run.objects.order_by().values_list("kind", "status").annotate(Count("pk"))
    numbers = {(kind, status): number for kind, status, number in counted}
    grid = [(kind, status) for kind in Run.Kind.values for status in Run.Status.values]
    yield _gauge(
        "runs", "Runs by kind and state.", ("kind", "state"), [(pair, numbers.get(pair, 0)) for pair in grid]
    )
    oldest = Min(Coalesce("queued_at", "created_at"))
    since = Run.objects.startable().order_by().values_list("queue").annotate(oldest=oldest)
    waits = {queue: (now - moment).total_seconds() for queue, moment in since}
    yield _gauge(
        "oldest_queued_seconds",
        "How long the oldest run that could start has been queued; 0 where there is none.",
        ("queue",),
        [((queue,), waits.get(queue, 0)) for queue in Run.Queue.values],
    )
    silent = Run.objects.filter(status=Run.Status.RUNNING).aggregate(beat=Min("heartbeat_at"))["beat"]
    meaning = "How long ago the most silent run under way was heard of."
    yield _gauge("oldest_heartbeat_seconds", meaning, (), _since(silent, now))


def _attempts() -> Iterator[Metric]:
    ended = Attempt.objects.order_by().values_list("outcome").annotate(Count("pk"))
    samples = [((outcome or "under way",), number) for outcome, number in ended]
    yield _gauge("attempts", "Attempts at runs by outcome.", ("outcome",), samples)


def _workers(now: datetime) -> Iterator[Metric]:
    living = list(alive(now))
    queues = [queue for worker in living for queue in worker.queues]
    counts = [((queue,), queues.count(queue)) for queue in Run.Queue.values]
    yield _gauge("workers_alive", "Workers that listen to a queue.", ("queue",), counts)
    newest = Worker.objects.aggregate(beat=Max("heartbeat_at"))["beat"]
    meaning = "How long ago a worker last swept; each does so all the time."
    yield _gauge("last_sweep_seconds", meaning, (), _since(newest, now))
    devices = [
        ((worker.name, str(number), device["name"]), device)
        for worker in living
        for number, device in enumerate(worker.devices)
    ]
    yield _gauge("gpu_memory_bytes", "Memory of an accelerator.", DEVICE, _each(devices, "memory_bytes"))
    yield _gauge("gpu_memory_used_bytes", "How much of it is used.", DEVICE, _each(devices, "used_bytes"))
    busy = [(names, share / 100) for names, share in _each(devices, "utilisation")]
    yield _gauge("gpu_utilisation_ratio", "How busy an accelerator is, from 0 to 1.", DEVICE, busy)


def _each(devices: Iterable[tuple[tuple[str, ...], dict[str, Any]]], field: str) -> Samples:
    return [(names, device[field]) for names, device in devices if device.get(field) is not None]


def _judgments(now: datetime) -> Iterator[Metric]:
    """The total is the highest number given: counting a million rows takes longer than a scrape may."""
    highest = Judgment.objects.aggregate(highest=Max("pk"))["highest"] or 0
    meaning = "Judgments, by the highest number given, which gaps lift a little above their count."
    yield CounterMetricFamily("polyreward_judgments", meaning, value=highest)
    lately = Judgment.objects.filter(created_at__gte=now - timedelta(hours=1)).order_by()
    by_language = lately.values_list("comparison__language").annotate(Count("pk"))
    samples = [((tag,), number) for tag, number in by_language]
    yield _gauge("judgments_last_hour", "Judgments of the last hour by language.", ("language",), samples)


def _deliveries() -> Iterator[Metric]:
    states = (Delivery.Status.WAITING, Delivery.Status.FAILED)
    counted = (
        Delivery.objects.filter(status__in=states).order_by().values_list("status").annotate(Count("pk"))
    )
    numbers = dict(counted)
    samples = [((str(state),), numbers.get(state, 0)) for state in states]
    yield _gauge("deliveries", "News by e-mail and webhook that waits or was given up.", ("state",), samples)


def _messages() -> Iterator[Metric]:
    """The first silence is enough: each costs seconds."""
    samples: Samples = []
    with suppress(OperationalError):
        samples = [((queue,), broker.num_messages(queue)) for queue in broker.QUEUES]
    yield _gauge("broker_up", "Whether the broker answers.", (), [((), bool(samples))])
    yield _gauge("broker_messages", "Messages that nobody has heard yet.", ("queue",), samples)


def _disk() -> Iterator[Metric]:
    usage = shutil.disk_usage(settings.ARTIFACTS)
    yield _gauge("artifacts_free_bytes", "Free space where artifacts are kept.", (), [((), usage.free)])
    yield _gauge("artifacts_disk_bytes", "All space where artifacts are kept.", (), [((), usage.total)])


def _since(moment: datetime | None, now: datetime) -> Samples:
    """No sample where there was no such moment."""
    return [] if moment is None else [((), (now - moment).total_seconds())]
