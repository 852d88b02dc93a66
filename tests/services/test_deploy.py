"""The files under deploy/: they hold together, and what they start does an experiment."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import warnings
from contextlib import ExitStack, suppress

import pytest
import yaml
from rest_framework.authtoken.models import Token

from annotate.models import Comparison, Experiment, Run, User
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import UserFactory
from tests.services.conftest import QUICK, ROOT, rows_in, wait_until
from tests.services.networks import Machine, machines
from tests.services.servers import HOST, Postgres, Redis, free_port, running
from tests.services.units import DEPLOY, read_environment_file, read_unit
from tests.services.work import plan_experiment

tiny_policy, tiny_encoder = checkpoints.tiny_policy, checkpoints.tiny_encoder
VARIABLE = re.compile(r"\b(?:POLYREWARD_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")
SERVICES = sorted(path.stem for path in DEPLOY.glob("*.service"))


def test_every_variable_that_is_set_there_is_documented():
    documented = set(VARIABLE.findall((ROOT / "docs/settings.md").read_text()))
    named = {name for path in DEPLOY.iterdir() for name in VARIABLE.findall(path.read_text())}

    assert named - documented == set()


def test_every_file_there_is_in_the_guide():
    guide = (ROOT / "docs/deploy.md").read_text()

    assert [path.name for path in DEPLOY.iterdir() if path.name not in guide] == []


@pytest.mark.parametrize("service", SERVICES)
def test_systemd_accepts_the_unit(service, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("This machine has no systemd to ask.")
    unit = (DEPLOY / f"{service}.service").read_text()
    for program in re.findall(r"/opt/polyreward/.venv/bin/\w+", unit):
        unit = unit.replace(program, sys.executable)
    (tmp_path / f"{service}.service").write_text(unit)

    asked = subprocess.run(  # noqa: S603
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / f"{service}.service")],  # noqa: S607
        capture_output=True,
        text=True,
    )

    assert (asked.returncode, [line for line in asked.stderr.splitlines() if service in line]) == (0, [])


def test_a_worker_sees_the_accelerator_that_its_unit_is_named_after():
    unit = read_unit("polyreward-worker@", instance="3")

    assert unit.environment["CUDA_VISIBLE_DEVICES"] == "3"
    assert unit.command[unit.command.index("--hostname") + 1] == "gpu3@%h"


def test_the_containers_start_what_the_units_start():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert set(services) == {"db", "redis", "migrate", "web", "worker-cpu", "worker-gpu0"}
    unit = read_unit("polyreward-worker@", instance="0").command[1:]
    assert set(services["worker-gpu0"]["command"][1:]) <= set(unit)
    started = re.search(r"CMD (\[.*\])", (DEPLOY / "Dockerfile").read_text())[1]
    web = read_unit("polyreward-web").command
    assert json.loads(started.replace("0.0.0.0", HOST))[1:] == web[1:]  # noqa: S104


def test_nothing_starts_with_the_secret_key_of_the_example():
    started = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"POLYREWARD_SECRET_KEY": read_environment_file()["POLYREWARD_SECRET_KEY"]},
        capture_output=True,
        text=True,
    )

    assert started.returncode == 1
    assert "POLYREWARD_SECRET_KEY must have at least 32 characters" in started.stderr


@pytest.fixture
def installation(django_db_blocker, tmp_path, settings):
    """A PostgreSQL and a Redis on a machine of the site, and two machines to work, wired to it."""
    with ExitStack() as undone:
        found = undone.enter_context(machines("site", "gpu-lab", "cpu-lab"))
        if found is None:
            warnings.warn("No network namespaces here: web and workers share one.", stacklevel=1)
        site = found["site"] if found else Machine(inside=(), address=HOST)
        listening = {"hosts": ("*",) if found else (HOST,), "inside": site.inside}
        postgres = undone.enter_context(running(Postgres, **listening))
        redis = undone.enter_context(running(Redis, **listening))
        postgres.create_database("polyreward")
        settings.ARTIFACTS, settings.RUNS = tmp_path / "artifacts", tmp_path / "runs"
        named = {
            "DATABASE_URL": postgres.url("polyreward", host=site.address),
            "REDIS_URL": redis.url(host=site.address),
            "POLYREWARD_VAR": str(tmp_path / "var"),
            "POLYREWARD_ARTIFACTS": str(settings.ARTIFACTS),
            "POLYREWARD_RUNS": str(settings.RUNS),
            "POLYREWARD_SECRET_KEY": secrets.token_hex(),
        }
        everywhere = os.environ | read_environment_file() | named | QUICK
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run([*site.inside, *migrate], cwd=ROOT, env=everywhere, check=True)  # noqa: S603
        undone.enter_context(django_db_blocker.unblock())
        undone.enter_context(rows_in(postgres.local_url("polyreward")))
        yield found or dict.fromkeys(("site", "gpu-lab", "cpu-lab"), site), everywhere


@pytest.fixture
def start_unit(installation):
    """Start what a unit starts, on one of the machines; gives its command."""
    found, everywhere = installation
    started = []

    def begin(name: str, machine: str, *, instance: str = "") -> list[str]:
        unit = read_unit(name, instance=instance)
        command = unit.command
        if not found[machine].inside:  # the port of the site may be taken where it is shared
            command = [word.replace(":8000", f":{free_port()}") for word in command]
        process = subprocess.Popen(  # noqa: S603
            [*found[machine].inside, *command],
            cwd=ROOT,
            env=everywhere | unit.environment,
            start_new_session=True,
        )
        started.append(process)
        return command

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def launched(installation, command: list[str], fields: dict) -> dict:
    """Launch over HTTP, once the site that `command` started listens. Gives its answer."""
    found, everywhere = installation
    port = command[command.index("--bind") + 1].rpartition(":")[2]
    admin = UserFactory(username="boss", role=User.Role.ADMIN)
    ask = [sys.executable, "-m", "tests.services.launching", port, Token.objects.create(user=admin).key]

    def answer():
        asked = subprocess.run(  # noqa: S603
            [*found["site"].inside, *ask],
            cwd=ROOT,
            env=everywhere,
            input=json.dumps(fields),
            capture_output=True,
            text=True,
        )
        return json.loads(asked.stdout) if asked.stdout else None  # nothing while nobody listens yet

    return wait_until(answer)


@pytest.mark.services
@pytest.mark.own_servers
@pytest.mark.filterwarnings("default:No network namespaces")
def test_an_experiment_is_done_by_the_site_and_two_workers_that_the_units_start(
    installation, start_unit, tiny_policy, tiny_encoder
):
    plan = plan_experiment(tiny_policy, tiny_encoder)
    names = ("name", "task", "policy", "backbone", "feedback", "prompts", "n", "num_prompts")
    fields = {name: getattr(plan, name) for name in names} | {"sources": ["en"], "targets": ["es"]}
    web = start_unit("polyreward-web", "site")
    start_unit("polyreward-worker@", "gpu-lab", instance="0")
    start_unit("polyreward-worker-cpu", "cpu-lab")

    answer = launched(installation, web, fields)

    assert answer["status"] == 201, answer["body"]
    experiment = Experiment.objects.get(name=plan.name)
    wait_until(lambda: all(run.is_terminal for run in experiment.runs.all()), 240)
    assert {(run.status, run.error) for run in experiment.runs.all()} == {("succeeded", "")}
    workers = {run.worker for run in experiment.runs.all()}
    assert len(workers) == 2
    if installation[0]["site"].inside:
        assert {worker.partition(":")[0] for worker in workers} == {"gpu-lab", "cpu-lab"}
    assert experiment.runs.get(kind=Run.Kind.BEST_OF_N).queue == "cpu"
    assert Comparison.objects.filter(study__experiment=experiment).count() == 3
