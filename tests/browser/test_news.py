"""News, profile and audit trail in a browser: the bell, and pages that fit a phone."""

import pytest
from django.urls import reverse

from annotate.services import audit
from tests.annotate.factories import ExperimentFactory, NotificationFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signed_in(page, live_server, client, adam):
    """A browser of the admin's, and two pieces of news."""
    for text in ("Warm lines is ready to be judged.", "Reward model en failed: " + "long" * 40):
        NotificationFactory(recipient=adam, experiment=ExperimentFactory(), text=text)
    audit.record(adam, "experiment.launched", ExperimentFactory(name="n" * 100), runs=3)
    client.force_login(adam)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    return page


def test_the_bell_leads_to_the_news_and_counts_down(signed_in, live_server):
    signed_in.goto(live_server.url + reverse("researcher:experiments"))

    signed_in.get_by_role("link", name="News: 2 unread").click()
    signed_in.get_by_role("button", name="Mark as read: Warm lines").click()
    signed_in.get_by_role("link", name="News: 1 unread").wait_for()
    signed_in.get_by_role("button", name="Mark all as read").click()

    signed_in.get_by_role("link", name="News", exact=True).wait_for()
    assert signed_in.get_by_role("button", name="Mark").count() == 0


@pytest.mark.parametrize("name", ["news:page", "account:profile", "account:password", "audit:page"])
def test_no_page_scrolls_sideways_on_a_phone(signed_in, live_server, name):
    signed_in.set_viewport_size({"width": 390, "height": 800})

    signed_in.goto(live_server.url + reverse(name))

    assert signed_in.evaluate("document.documentElement.scrollWidth") == 390


def test_on_a_phone_one_signs_out_from_the_profile(signed_in, live_server):
    signed_in.set_viewport_size({"width": 390, "height": 800})
    signed_in.goto(live_server.url + reverse("news:page"))

    signed_in.get_by_role("link", name="Your profile").first.click()
    signed_in.get_by_role("main").get_by_role("button", name="Sign out").click()

    signed_in.get_by_role("heading", name="Sign in").wait_for()
