"""Readers of the environment: what they understand, and what stops the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from annotate.environment import MailServer, read_address, read_mail_server, read_token

NAME = "POLYREWARD_TESTED"


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("", None),
        ("smtp://mail.example.org", MailServer("mail.example.org", 25, "", "", starttls=False, ssl=False)),
        (
            "smtp+starttls://me%40lab:p%2Fw@mail.example.org",
            MailServer("mail.example.org", 587, "me@lab", "p/w", starttls=True, ssl=False),
        ),
        ("smtps://a:b@[::1]:4650/", MailServer("::1", 4650, "a", "b", starttls=False, ssl=True)),
    ],
)
def test_a_mail_server_is_read(monkeypatch, address, server):
    monkeypatch.setenv(NAME, address)

    assert read_mail_server(NAME) == server


@pytest.mark.parametrize(
    "address", ["mail.example.org:25", "http://a", "smtp://", "smtp://a:port", "smtp://a/b"]
)
def test_a_mail_server_that_cannot_be_meant_stops_the_start_by_name(monkeypatch, address):
    monkeypatch.setenv(NAME, address)

    with pytest.raises(ImproperlyConfigured, match=NAME):
        read_mail_server(NAME)


def test_a_refusal_does_not_show_the_password(monkeypatch):
    monkeypatch.setenv(NAME, "smtp://me:hunter2@host:port")

    with pytest.raises(ImproperlyConfigured) as refusal:
        read_mail_server(NAME)

    assert "hunter2" not in str(refusal.value)


def test_an_address_of_the_site_is_kept_without_its_last_slash(monkeypatch):
    monkeypatch.setenv(NAME, "https://lab.example.org/polyreward/")

    assert read_address(NAME, default="") == "https://lab.example.org/polyreward"


@pytest.mark.parametrize("address", ["lab.example.org", "ftp://lab.example.org", "https://a?b=c", "https://"])
def test_an_address_that_cannot_be_meant_stops_the_start_by_name(monkeypatch, address):
    monkeypatch.setenv(NAME, address)

    with pytest.raises(ImproperlyConfigured, match=NAME):
        read_address(NAME, default="")


def test_a_token_is_absent_or_long(monkeypatch):
    assert read_token(NAME) == ""

    monkeypatch.setenv(NAME, "short")
    with pytest.raises(ImproperlyConfigured, match="at least 32 characters"):
        read_token(NAME)
