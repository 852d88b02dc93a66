"""Deliveries: they arrive at real servers, are tried again where they do not, and end."""

import asyncio
import socket
from datetime import timedelta
from email import message_from_bytes, policy
from threading import Event, Thread
from time import monotonic

import pytest
from aiosmtpd.smtp import SMTP
from django.db import connection

from annotate.models import Delivery
from annotate.services import deliveries
from tests.annotate.factories import DeliveryFactory, ExperimentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def private(settings):
    settings.WEBHOOK_PRIVATE = True


@pytest.fixture
def mail(settings):
    """A real SMTP server on this machine, and what it took."""
    taken, started, loop = [], Event(), asyncio.new_event_loop()

    class Box:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 (its name for it)
            taken.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
            return "250 taken"

    def serve():
        asyncio.set_event_loop(loop)
        listening = loop.run_until_complete(
            loop.create_server(lambda: SMTP(Box(), loop=loop), "127.0.0.1", 0)
        )
        settings.EMAIL_PORT = listening.sockets[0].getsockname()[1]
        started.set()
        loop.run_forever()
        listening.close()
        loop.run_until_complete(listening.wait_closed())
        loop.close()

    thread = Thread(target=serve)
    thread.start()
    started.wait(5)
    settings.EMAIL_AVAILABLE, settings.EMAIL_HOST = True, "127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    yield taken
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def dead(settings):
    """The address of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_a_webhook_hears_what_happened_and_where_to_look(listener, settings, now):
    settings.URL = "https://lab.example.org"
    experiment = ExperimentFactory()
    delivery = DeliveryFactory(
        address=listener.url, due_at=now, notification__experiment=experiment, notification__created_at=now
    )

    deliveries.send_due(now=now)

    assert listener.heard[0][2] == {
        "event": "experiment ended",
        "text": delivery.notification.text,
        "url": f"https://lab.example.org/experiments/{experiment.pk}/",
        "experiment": experiment.pk,
        "run": None,
        "at": "2026-03-01T12:00:00+00:00",
    }
    delivery.refresh_from_db()
    assert (delivery.status, delivery.num_tries, delivery.sent_at) == ("sent", 1, now)


def test_an_e_mail_arrives_with_its_link(mail, settings, now):
    settings.URL = "https://lab.example.org"
    text = "Warm lines\nis ready."
    DeliveryFactory(channel="email", address="adam@example.org", due_at=now, notification__text=text)

    deliveries.send_due(now=now)

    ((recipients, message),) = mail
    assert recipients == ["adam@example.org"]
    assert message["Subject"] == "[Polyreward] Warm lines is ready."
    assert "https://lab.example.org/news/" in message.get_content()
    assert Delivery.objects.get().status == "sent"


def test_a_dead_server_is_tried_again_later_and_later_then_given_up(dead, now):
    delivery = DeliveryFactory(address=dead, due_at=now)
    waits = []

    for _ in range(deliveries.MAX_TRIES):
        deliveries.send_due(now=now)
        delivery.refresh_from_db()
        waits.append((delivery.due_at - now) / timedelta(minutes=1))
        assert "refused" in delivery.error
        now = delivery.due_at

    assert waits == [1, 4, 16, 64, 256, 1024]
    assert (delivery.status, delivery.num_tries) == ("failed", deliveries.MAX_TRIES)


def test_a_dead_mail_server_leaves_its_error(settings, dead, now):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_AVAILABLE, settings.EMAIL_HOST = True, "127.0.0.1"
    settings.EMAIL_PORT = int(dead.rpartition(":")[2].strip("/"))
    delivery = DeliveryFactory(channel="email", address="adam@example.org", due_at=now)

    deliveries.send_due(now=now)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.num_tries) == ("waiting", 1)
    assert "refused" in delivery.error


def test_a_worker_without_a_mail_server_does_not_pretend(settings, now):
    settings.EMAIL_AVAILABLE = False
    delivery = DeliveryFactory(channel="email", address="adam@example.org", due_at=now)

    deliveries.send_due(now=now)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.error) == ("waiting", deliveries.NO_SERVER)


def test_what_is_not_due_stays(listener, now):
    DeliveryFactory(address=listener.url, due_at=now + timedelta(seconds=1))

    deliveries.send_due(now=now)

    assert listener.heard == []


def test_of_two_workers_one_sends(listener, now):
    """The rival sends after this worker has read what is due, and before it takes it."""
    DeliveryFactory(address=listener.url, due_at=now)
    rivals = [lambda: deliveries.send_due(now=now)]

    def let_the_rival_act(execute, sql, *rest):
        if sql.startswith("UPDATE") and rivals:
            rivals.pop()()
        return execute(sql, *rest)

    with connection.execute_wrapper(let_the_rival_act):
        deliveries.send_due(now=now)

    assert len(listener.heard) == 1


def test_a_server_that_never_answers_holds_up_the_sweep_for_seconds_only(settings, monkeypatch, now):
    monkeypatch.setattr(deliveries, "TRY_SECONDS", 0.2)
    monkeypatch.setattr(deliveries, "SWEEP_BUDGET_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        slow, next_one = DeliveryFactory(address=address, due_at=now), DeliveryFactory(due_at=now)
        begun = monotonic()
        deliveries.send_due(now=now)

    assert monotonic() - begun < 2
    slow.refresh_from_db()
    next_one.refresh_from_db()
    assert "no answer within" in slow.error or "timed out" in slow.error
    assert next_one.num_tries == 0


def test_a_test_says_whether_it_arrived(listener, dead, now):
    assert deliveries.send_test(Delivery.Channel.WEBHOOK, listener.url, now=now) == ""
    assert "refused" in deliveries.send_test(Delivery.Channel.WEBHOOK, dead, now=now)
    assert listener.heard[0][2]["event"] == "test"
