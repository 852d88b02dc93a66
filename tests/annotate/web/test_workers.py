"""The workers page over HTTP."""

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from annotate import broker
from tests.annotate.factories import RunFactory, WorkerFactory

pytestmark = pytest.mark.django_db
GPU = {"name": "NVIDIA L4", "memory_bytes": 24 << 30, "used_bytes": 6 << 30, "utilisation": 70}


@pytest.fixture(autouse=True)
def no_messages(monkeypatch):
    monkeypatch.setattr(broker, "num_messages", lambda queue: 0)


@pytest.fixture
def reader(client, rosa):
    client.force_login(rosa)
    return client


def test_a_worker_is_shown_with_its_run_and_its_accelerator(reader):
    worker = WorkerFactory(devices=[GPU], heartbeat_at=timezone.now())
    run = RunFactory(
        status="running", worker=worker.name, heartbeat_at=timezone.now(), done=3, total=8, unit="prompts"
    )

    text = reader.get("/workers/").text

    assert worker.name in text
    assert f"/runs/{run.pk}/" in text
    assert "3 of 8" in text
    assert "NVIDIA L4" in text
    assert "70 %" in text
    assert "6.0\xa0GB of 24.0\xa0GB" in text


def test_an_accelerator_that_does_not_tell_its_use_shows_none(reader):
    WorkerFactory(devices=[GPU | {"utilisation": None}], heartbeat_at=timezone.now())

    assert "GPU use" not in reader.get("/workers/").text


def test_without_a_worker_the_page_says_how_to_start_one(reader):
    assert "python manage.py work" in reader.get("/workers/").text


def test_an_unreachable_broker_is_no_error(reader, monkeypatch):
    def unreachable(queue):
        raise OperationalError

    monkeypatch.setattr(broker, "num_messages", unreachable)

    answer = reader.get("/workers/")

    assert answer.status_code == 200
    assert "unreachable" in answer.text


def test_a_poll_gets_the_live_part_alone(reader):
    WorkerFactory(stopped_at=timezone.now(), name="past:1")

    page, part = reader.get("/workers/").text, reader.get("/workers/", headers={"HX-Request": "true"}).text

    assert "past:1" in page
    assert "past:1" not in part
    assert part.strip().startswith('<div id="workers"')
