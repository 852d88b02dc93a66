"""The doorbell, on the embedded broker and without any."""

import logging
import stat
import threading

import pytest
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError

from annotate import broker
from annotate.embedded_broker import ensure_broker, stop_broker
from annotate.models import Run
from tests.annotate.factories import RunFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not settings.EMBEDDED_BROKER, reason="REDIS_URL names another broker"),
]


@pytest.fixture
def running():
    ensure_broker()
    for queue in broker.QUEUES:
        _take(queue)
    yield
    stop_broker()


def _take(queue):
    """The ids that were announced on a queue, removed from it."""
    ids = []
    with Connection(settings.BROKER_URL) as connection:
        messages = connection.default_channel
        messages.queue_declare(queue)
        while message := messages.basic_get(queue, no_ack=True):
            ids.append(message.decode()[0][0])
    return ids


def test_a_run_is_announced_on_its_queue(running):
    sample = RunFactory(queue="gpu")
    choose = RunFactory(queue="cpu")

    broker.announce([sample.pk, choose.pk])

    assert (_take("gpu"), _take("cpu")) == ([sample.pk], [choose.pk])


def test_a_broker_that_is_down_is_logged_and_nothing_fails(caplog):
    stop_broker()

    with caplog.at_level(logging.WARNING):
        broker.announce([RunFactory().pk])

    assert "stay queued" in caplog.text


def test_a_broker_that_came_back_is_reached_again(running):
    run = RunFactory()
    broker.announce([run.pk])
    stop_broker()
    ensure_broker()
    _take("cpu")

    broker.announce([run.pk])

    assert _take("cpu") == [run.pk]


def test_messages_survive_a_restart_of_the_embedded_broker(running):
    run = RunFactory()
    broker.announce([run.pk])

    stop_broker()
    ensure_broker()

    assert _take("cpu") == [run.pk]


def test_a_lost_message_is_announced_again(running):
    run = RunFactory(status="queued", queue="gpu")

    broker.announce_forgotten(Run.objects.all())

    assert _take("gpu") == [run.pk]


def test_nothing_is_announced_again_while_messages_wait(running):
    run = RunFactory(status="queued")

    broker.announce_forgotten(Run.objects.all())
    broker.announce_forgotten(Run.objects.all())

    assert _take("cpu") == [run.pk]


def test_of_many_forgotten_runs_the_first_are_announced(running, monkeypatch):
    monkeypatch.setattr(broker, "MOST_RINGS", 2)
    ids = [RunFactory(status="queued", priority=priority).pk for priority in (0, 1, 0)]

    broker.announce_forgotten(Run.objects.all())

    assert _take("cpu") == [ids[0], ids[1]]


def test_a_broker_that_is_down_is_told_from_an_empty_one(running):
    assert broker.num_messages("cpu") == 0
    stop_broker()

    with pytest.raises(OperationalError):
        broker.num_messages("cpu")


def test_the_socket_is_for_its_owner_alone(running):
    assert stat.S_IMODE(settings.BROKER_SOCKET.stat().st_mode) & 0o077 == 0


def test_of_many_that_want_the_broker_one_starts_it():
    stop_broker()
    started = []
    threads = [threading.Thread(target=lambda: started.append(ensure_broker())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(started) == [False, False, False, True]
    stop_broker()


def test_stopping_what_does_not_run_is_harmless():
    stop_broker()
    stop_broker()
