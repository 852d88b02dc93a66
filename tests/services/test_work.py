"""`manage.py work`: the workers of a machine start together, say what they are, and end together."""

import os
import signal

import pytest

from annotate.models import Attempt, Run, Worker
from tests.annotate.factories import RunFactory
from tests.services.conftest import lives, wait_until
from tests.services.test_serve import descendants

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def equip(environment, directory, *sizes):
    """Make nvidia-smi list accelerators with so many MiB."""
    lines = "\n".join(f"{number}, GPU-{number}, Test GPU, {size}, 0, 0" for number, size in enumerate(sizes))
    script = directory / "nvidia-smi"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\n")
    script.chmod(0o755)
    environment["PATH"] = f"{directory}:{environment['PATH']}"
    environment.pop("CUDA_VISIBLE_DEVICES", None)


def announced(count):
    wait_until(lambda: Worker.objects.filter(stopped_at=None).count() == count, 60)
    return {tuple(worker.queues): worker for worker in Worker.objects.all()}


def test_each_accelerator_has_its_worker_and_all_end_together(start, messages, environment, tmp_path):
    equip(environment, tmp_path, 24_576, 8_192)

    program = start("manage.py", "work")

    announced(3)
    gpus = Worker.objects.filter(queues=["gpu"])
    assert sorted(worker.usable_bytes >> 20 for worker in gpus) == [8_192, 24_576]
    assert Worker.objects.get(queues=["cpu"]).devices == []
    children = descendants(program.pid)
    program.send_signal(signal.SIGTERM)
    assert program.wait(30) == 0
    assert not any(map(lives, children))
    assert not Worker.objects.filter(stopped_at=None).exists()


def test_a_worker_that_dies_ends_the_others(start, messages):
    program = start("manage.py", "work", "--queues", "cpu")
    announced(1)
    children = descendants(program.pid)

    os.kill(children[0], signal.SIGKILL)

    assert program.wait(30) == 1
    wait_until(lambda: not any(map(lives, children)), 5)


def test_a_run_that_does_not_fit_waits_until_a_bigger_worker_arrives(start, messages, environment, tmp_path):
    equip(environment, tmp_path, 8_192)
    large = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued", queue="gpu", memory_needed=10 << 30)
    small = RunFactory(kind=Run.Kind.BEST_OF_N, status="queued", queue="gpu", memory_needed=1 << 30)
    start("manage.py", "work", "--queues", "gpu")
    wait_until(lambda: Attempt.objects.filter(run=small).exists())
    announced(1)
    large.refresh_from_db()
    assert (large.status, large.attempt) == ("queued", 0)

    equip(environment, tmp_path, 8_192, 24_576)
    environment["CUDA_VISIBLE_DEVICES"] = "1"
    start("manage.py", "work", "--queues", "gpu")

    attempt = wait_until(lambda: Attempt.objects.filter(run=large).first())
    assert Worker.objects.get(name=attempt.worker).usable_bytes == 24_576 << 20
    assert (attempt.device, attempt.num_devices) == ("Test GPU", 1)
