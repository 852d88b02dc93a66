"""Every error is a page that says what to do."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.web import account
from tests.annotate.factories import StudyFactory

pytestmark = pytest.mark.django_db


def test_an_address_without_a_page_leads_back_to_the_start(client, ana):
    client.force_login(ana)

    reply = client.get("/nowhere/")

    assert reply.status_code == 404
    assert "There is nothing at this address" in reply.content.decode()
    assert "Back to the start" in reply.content.decode()


def test_a_page_for_others_says_whom_to_ask(client, ana):
    client.force_login(ana)

    reply = client.get(reverse("researcher:experiments"))

    assert reply.status_code == 403
    assert "Ask an admin to change your role" in reply.content.decode()


def test_a_study_in_a_language_one_does_not_speak_says_whom_to_ask(client, ana):
    client.force_login(ana)

    reply = client.get(reverse("annotator:judge", args=[StudyFactory().pk, "ar"]))

    assert reply.status_code == 403
    assert "Ask an admin to add it to your profile" in reply.content.decode()


def test_with_htmx_an_error_is_a_fragment(client, ana):
    client.force_login(ana)

    reply = client.get(reverse("researcher:experiments"), headers={"HX-Request": "true"})

    assert (reply.status_code, "<html" in reply.content.decode()) == (403, False)
    assert "data-sentence" in reply.content.decode()


def test_a_form_of_an_old_page_says_to_open_it_again(ana):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)

    reply = client.post(reverse("account:logout"))

    assert reply.status_code == 403
    assert "This page was open for too long" in reply.content.decode()


def test_what_breaks_on_our_side_is_a_page_without_a_traceback(client, ana, monkeypatch):
    def broken(_):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(account, "signed_in", broken)
    client.force_login(ana)
    client.raise_request_exception = False

    reply = client.get("/")

    assert reply.status_code == 500
    assert "Something broke on our side" in reply.content.decode()
    assert "a secret" not in reply.content.decode()
