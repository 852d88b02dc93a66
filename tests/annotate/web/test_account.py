"""What people keep about themselves."""

import pytest
from django.urls import reverse

from annotate.models import AuditEntry
from annotate.services import deliveries

pytestmark = pytest.mark.django_db
PROFILE = reverse("account:profile")


@pytest.fixture
def sent(monkeypatch):
    """What was sent as a test; it arrives."""
    sent = []

    def send(channel, address, *, now):
        sent.append((channel, address))
        return ""

    monkeypatch.setattr(deliveries, "send_test", send)
    return sent


@pytest.fixture
def mail(settings):
    settings.EMAIL_AVAILABLE = True


def save(client, person, address=PROFILE, **fields):
    client.force_login(person)
    answer = client.post(address, fields, follow=True)
    person.refresh_from_db()
    return answer


def test_an_annotator_keeps_an_address_and_nothing_about_news(client, ana):
    answer = save(client, ana, email="ana@example.org", webhook="https://example.org/", news_of_all="on")

    assert (ana.email, ana.webhook, ana.news_of_all) == ("ana@example.org", "", False)
    assert "Your profile is saved." in answer.content.decode()
    assert "webhook" not in answer.content.decode()


def test_a_researcher_says_how_news_shall_come(client, rosa, mail):
    save(client, rosa, email="r@example.org", news_by_email="on", webhook="https://a.org/h", news_of_all="on")

    assert (rosa.email, rosa.news_by_email, rosa.webhook, rosa.news_of_all) == (
        "r@example.org",
        True,
        "https://a.org/h",
        True,
    )


def test_without_a_mail_server_e_mail_is_shown_as_not_available(client, rosa):
    answer = save(client, rosa, email="r@example.org", news_by_email="on")

    assert not rosa.news_by_email
    assert "Not available: this site has no e-mail server" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "r@"}, "Enter a valid email address."),
        ({"webhook": "ftp://example.org"}, "A webhook&#x27;s address looks like https://example.org/path."),
        ({"news_by_email": "on"}, "News by e-mail needs an address."),
    ],
)
def test_what_cannot_be_meant_is_refused(client, rosa, mail, fields, sentence):
    answer = save(client, rosa, **{"email": "", "webhook": ""} | fields)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_the_trail_names_the_fields_that_changed_and_not_what_they_hold(client, rosa):
    save(client, rosa, email="r@example.org", webhook="https://example.org/secret")

    entry = AuditEntry.objects.get(action="account.changed")
    assert (entry.actor, entry.detail) == (rosa, {"fields": ["email", "webhook"]})


def test_a_test_goes_to_what_was_typed(client, rosa, sent):
    answer = save(client, rosa, reverse("account:test", args=["webhook"]), webhook="https://example.org/h")

    assert sent == [("webhook", "https://example.org/h")]
    assert "the test has arrived" in answer.content.decode()


def test_a_test_that_does_not_arrive_says_why(client, rosa, monkeypatch):
    monkeypatch.setattr(deliveries, "send_test", lambda *what, now: "Nobody listens.")

    answer = save(client, rosa, reverse("account:test", args=["webhook"]), webhook="https://example.org/h")

    assert "The test did not arrive. Nobody listens." in answer.content.decode()


def test_a_test_without_an_address_is_none(client, rosa, sent):
    answer = save(client, rosa, reverse("account:test", args=["webhook"]), webhook="")

    assert sent == []
    assert "There is no address yet" in answer.content.decode()


def test_nobody_is_flooded_with_tests(client, rosa, sent):
    for _ in range(2):
        answer = save(client, rosa, reverse("account:test", args=["webhook"]), webhook="https://example.org/")

    assert len(sent) == 1
    assert "Wait half a minute" in answer.content.decode()


def test_a_password_is_changed_and_the_person_stays_signed_in(client, ana):
    ana.set_password("an old long password")
    ana.save()
    client.force_login(ana)
    new = "a new long password"

    answer = client.post(
        reverse("account:password"),
        {"old_password": "an old long password", "new_password1": new, "new_password2": new},
        follow=True,
    )

    ana.refresh_from_db()
    assert ana.check_password(new)
    assert "Your password is changed." in answer.content.decode()
    entry = AuditEntry.objects.get(action="account.password_changed")
    assert (entry.actor, entry.detail) == (ana, {})
