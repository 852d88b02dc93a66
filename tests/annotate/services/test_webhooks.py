"""Webhooks: what is posted, and where nothing may be posted."""

import socket

import pytest

from annotate.services import webhooks
from annotate.services.webhooks import WebhookError


@pytest.fixture
def private(settings):
    settings.WEBHOOK_PRIVATE = True


def test_the_content_arrives_as_json(listener, private):
    webhooks.post(f"{listener.url}/hook?room=1", {"text": "Hola, ¿qué tal?"}, timeout=5)

    ((path, headers, content),) = listener.heard
    assert (path, headers["Content-Type"]) == ("/hook?room=1", "application/json")
    assert headers["Host"] == f"127.0.0.1:{listener.server_port}"
    assert content == {"text": "Hola, ¿qué tal?"}


@pytest.mark.parametrize("status", [301, 307, 404, 500])
def test_an_answer_that_is_no_success_is_an_error_and_no_redirect_is_followed(listener, private, status):
    listener.status = status

    with pytest.raises(WebhookError, match=str(status)):
        webhooks.post(listener.url, {}, timeout=5)

    assert len(listener.heard) == 1


def test_nothing_is_posted_to_this_machine(listener):
    with pytest.raises(WebhookError, match="inside this network"):
        webhooks.post(listener.url, {}, timeout=5)

    assert listener.heard == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ],
)
def test_a_name_that_leads_inside_is_refused(monkeypatch, address):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **kind: [(0, 0, 0, "", (address, 80))])

    with pytest.raises(WebhookError, match="inside this network"):
        webhooks.post("http://innocent.example.org/", {}, timeout=5)


def test_one_inner_address_among_outer_ones_is_enough_to_refuse(monkeypatch):
    found = [(0, 0, 0, "", (address, 80)) for address in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **kind: found)

    with pytest.raises(WebhookError, match="inside this network"):
        webhooks.post("http://innocent.example.org/", {}, timeout=5)


def test_a_name_is_asked_for_once_so_that_it_cannot_lead_inside_after_the_check(monkeypatch):
    tried = []

    def refuse(place, *rest):
        tried.append(place)
        raise ConnectionRefusedError

    found = [[(0, 0, 0, "", ("93.184.215.14", 80))], [(0, 0, 0, "", ("127.0.0.1", 80))]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **kind: found.pop(0))
    monkeypatch.setattr(socket, "create_connection", refuse)

    with pytest.raises(ConnectionRefusedError):
        webhooks.post("http://fickle.example.org/", {}, timeout=5)

    assert tried == [("93.184.215.14", 80)]


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/", "file:///etc/passwd", "https://", "http://a:99999/", "http://[", "http://u:p@a/"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(WebhookError, match="looks like"):
        webhooks.post(url, {}, timeout=5)
