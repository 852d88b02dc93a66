"""Times every page of the launch side on a database as large as a lab's year.

Run: DATABASE_URL=postgres://…/EMPTY_DATABASE python -m benchmarks.launch_side
The first time it fills the database, which takes minutes; after that it uses what is there.
Server time of one process without a network, 7 times after a first look; the goal is a median of 200 ms. On a
busy machine the clock also counts the others: processor time, in steps of 10 ms, does not.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")
TOKEN = "0123456789abcdef" * 2
os.environ["POLYREWARD_METRICS_TOKEN"] = TOKEN

import django  # noqa: E402 (the settings must be named first)

django.setup()

from django.db import connection, reset_queries  # noqa: E402
from django.http.response import HttpResponseBase  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotate.models import AuditEntry, Experiment, Judgment, Run, User  # noqa: E402
from benchmarks.launch_data import fill  # noqa: E402

REPEATS, GOAL_MS = 7, 200
FORM = {
    "name": "Benchmark",
    "task": "continuation",
    "feedback": "bench-preferences",
    "prompts": "bench",
    "demonstrations": "",
    "sources": ["en", "es"],
    "targets": ["es", "de", "ru"],
    "policy": "package:gemma3-270m",
    "backbone": "package:multilingual-e5-small",
    "method": "frozen",
    "n": 16,
    "num_prompts": 90,
    "votes_wanted": 3,
    "half_width": 0.1,
    "seed": 1,
    "priority": 0,
}
Ask = Callable[[Client], HttpResponseBase]


def pages() -> dict[str, Ask]:
    """What is asked, by the name of the line."""
    experiment = Experiment.objects.order_by("pk")[150].pk
    unfinished = Experiment.objects.order_by("pk").last()
    finished, running = (Run.objects.filter(status=status).first() for status in ("succeeded", "running"))
    middle = (timezone.now() - timedelta(days=180)).date()
    assert unfinished and finished and running  # noqa: S101 (they were filled in)
    addresses = {
        "experiments": "/experiments/",
        "experiments, page 8": "/experiments/?page=8",
        "experiment, judged": f"/experiments/{experiment}/",
        "experiment, under way": f"/experiments/{unfinished.pk}/",
        "cell": f"/experiments/{experiment}/en/vi/",
        "cell, page 4": f"/experiments/{experiment}/en/vi/?page=4",
        "runs": "/runs/",
        "runs, page 150": "/runs/?page=150",
        "runs, running": "/runs/?state=running",
        "runs, of an experiment": f"/runs/?experiment={experiment}",
        "runs, kind and language": "/runs/?kind=sample&language=es",
        "run, succeeded": f"/runs/{finished.pk}/",
        "run, running": f"/runs/{running.pk}/",
        "workers": "/workers/",
        "launch form": "/experiments/new/",
        "launch form, cloned": f"/experiments/new/?clone={experiment}",
        "data": "/data/",
        "news": "/news/",
        "profile": "/account/",
        "audit": "/audit/",
        "audit, one person": "/audit/?who=person7",
        "audit, a rare action": "/audit/?action=experiment.paused",
        "audit, one experiment": "/audit/?kind=experiment&number=7",
        "audit, a day": f"/audit/?first_day={middle}&last_day={middle}&action=run.retried",
        "audit, far back": f"/audit/?before={middle}T00:00:00%2B00:00_5",
    }
    return {
        **{name: lambda client, address=address: client.get(address) for name, address in addresses.items()},
        "plan": lambda client: client.post("/experiments/plan/", FORM, headers={"HX-Request": "true"}),
        "metrics": lambda client: client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}),
    }


class Measured(NamedTuple):
    """Milliseconds: on the clock, median and best; of processors, here and in the database, the best."""

    median: float
    best: float
    processor: float
    num_queries: int


def measure(client: Client, ask: Ask) -> Measured:
    """Ask once to count the queries, then seven times to take the time."""
    with override_settings(DEBUG=True):  # which keeps the queries
        reset_queries()
        _checked(ask(client))
        num_queries = len(connection.queries)
    clock, processor = zip(*(_timed(client, ask) for _ in range(REPEATS)), strict=True)
    return Measured(statistics.median(clock), min(clock), min(processor), num_queries)


def _timed(client: Client, ask: Ask) -> tuple[float, float]:
    before, begun = _processor_ms(), time.perf_counter()
    _checked(ask(client))
    return 1000 * (time.perf_counter() - begun), _processor_ms() - before


def _processor_ms() -> float:
    """Of this process and, where it runs on this machine, of the database's process that serves it."""
    stat = Path(f"/proc/{connection.connection.info.backend_pid}/stat") if connection.connection else None
    ticks = stat.read_text().rpartition(")")[2].split()[11:13] if stat and stat.exists() else []
    return 1000 * (time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))


def _checked(answer: HttpResponseBase) -> None:
    if answer.status_code != 200:
        raise SystemExit(f"{answer.status_code}: {getattr(answer, 'content', b'')[:2000]!r}")


def main() -> None:
    if connection.vendor != "postgresql":
        raise SystemExit("Name an empty PostgreSQL database by DATABASE_URL.")
    if not _is_filled():
        sys.stdout.write("Filling the database\n")
        fill()
    counts = (model.objects.count() for model in (Experiment, Run, Judgment, AuditEntry))
    sys.stdout.write("{:,} experiments, {:,} runs, {:,} judgments, {:,} audit entries\n".format(*counts))
    sys.stdout.write(f"{'milliseconds':<26}{'median':>9}{'best':>9}{'processor':>11}{'queries':>9}\n")
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="person1"))
    for name, ask in pages().items():
        if len(sys.argv) > 1 and not name.startswith(sys.argv[1]):
            continue
        found = measure(client, ask)
        mark = "  above the goal" if found.median > GOAL_MS else ""
        times = f"{found.median:>9.0f}{found.best:>9.0f}{found.processor:>11.0f}{found.num_queries:>9}"
        sys.stdout.write(f"{name:<26}{times}{mark}\n")


def _is_filled() -> bool:
    """By a run of this benchmark."""
    if "annotate_experiment" not in connection.introspection.table_names():
        return False
    return Experiment.objects.filter(prompts="bench").exists()


if __name__ == "__main__":
    main()
