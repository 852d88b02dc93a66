"""The web server dies by kill -9 in the middle of a launch: the experiment is there whole, or not at all."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest
from django.db import connection
from rest_framework.authtoken.models import Token

from annotate.models import Experiment, Run, User
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import UserFactory
from tests.services.conftest import ROOT, wait_until
from tests.services.servers import HOST, free_port, processes_under
from tests.services.units import read_unit
from tests.services.work import plan_experiment

pytestmark = [pytest.mark.services, pytest.mark.own_servers]

tiny_policy, tiny_encoder = checkpoints.tiny_policy, checkpoints.tiny_encoder
NAMES = ("name", "task", "policy", "backbone", "feedback", "prompts", "n", "num_prompts")


@pytest.fixture
def site(grown):
    """Starts the site; gives its process. All of them end with the test."""
    port, started = free_port(), []
    named = grown.environment | {"POLYREWARD_HOSTS": "lab.example.org,localhost"}

    def begin() -> tuple[subprocess.Popen, int]:
        command = [word.replace(":8000", f":{port}") for word in read_unit("polyreward-web").command]
        process = subprocess.Popen(command, cwd=ROOT, env=named, start_new_session=True)  # noqa: S603
        started.append(process)
        wait_until(lambda: listens(port))
        return process, port

    yield begin
    for process in started:
        kill(process)


@pytest.fixture
def launch(grown, tiny_policy, tiny_encoder):
    """Begins to launch an experiment through the site at a port; gives the process that does it."""
    plan = plan_experiment(tiny_policy, tiny_encoder)
    fields = {name: getattr(plan, name) for name in NAMES} | {"sources": ["en"], "targets": ["es"]}
    token = Token.objects.create(user=UserFactory(role=User.Role.ADMIN)).key

    def begin(port: int) -> subprocess.Popen:
        asking = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "tests.services.launching", str(port), token],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        asking.stdin.write(json.dumps(fields).encode())
        asking.stdin.close()
        return asking

    return begin


def listens(port: int) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection(HOST, port, timeout=5)) as site:
        site.request("GET", "/", headers={"Host": "localhost"})
        return site.getresponse().status > 0
    return False


def kill(process: subprocess.Popen) -> None:
    """kill -9 of the server and of every process of it."""
    for process_id in (process.pid, *processes_under(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGKILL)
    process.wait()


def ended(asking: subprocess.Popen) -> int:
    with asking.stdout:
        asking.stdout.read()
    return asking.wait(60)


@contextmanager
def locked(grown, table: str):
    """Nobody writes to a table meanwhile: whoever is launching stands still before it."""
    with psycopg.connect(grown.postgres.url("grown")) as rival:
        rival.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield
        rival.rollback()


def somebody_waits(grown) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = 'grown' AND wait_event_type = 'Lock'"
    return bool(grown.postgres.execute(waiting))


def nobody_else_is_connected(grown) -> bool:
    others = f"""SELECT 1 FROM pg_stat_activity
        WHERE datname = 'grown' AND pid != {connection.connection.info.backend_pid}"""  # noqa: S608
    return not grown.postgres.execute(others)


@pytest.mark.parametrize(
    "table", ["annotate_experiment", "annotate_run", "annotate_run_experiments", "annotate_auditentry"]
)
def test_an_experiment_that_was_being_launched_is_not_there_at_all_and_can_be_launched_again(
    grown, site, launch, table
):
    process, port = site()
    with locked(grown, table):
        asking = launch(port)
        wait_until(lambda: somebody_waits(grown))

        kill(process)

    assert ended(asking) != 0
    wait_until(lambda: nobody_else_is_connected(grown))
    assert (Experiment.objects.count(), Run.objects.count()) == (0, 0)
    assert ended(launch(site()[1])) == 0
    assert Experiment.objects.get().runs.count() == Run.objects.count() == 5


def test_an_experiment_whose_launch_was_not_announced_is_whole_and_workers_find_it(
    grown, site, launch, start_worker
):
    process, port = site()
    grown.redis.kill()
    asking = launch(port)
    wait_until(Experiment.objects.exists)

    kill(process)

    ended(asking)
    grown.redis.start()
    experiment = Experiment.objects.get()
    assert experiment.runs.count() == 5
    start_worker()
    wait_until(lambda: all(run.is_terminal for run in experiment.runs.all()), 240)
    assert {run.status for run in experiment.runs.all()} == {"succeeded"}
