"""The page of the workers follows the rows, and says when it cannot."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import Run, User, Worker
from tests.annotate.factories import RunFactory, UserFactory, WorkerFactory

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOST = "Connection lost, trying again."


@pytest.fixture
def run() -> Run:
    worker = WorkerFactory(heartbeat_at=timezone.now())
    return RunFactory(
        status="running", worker=worker.name, heartbeat_at=timezone.now(), done=3, total=8, unit="prompts"
    )


@pytest.fixture
def watched(page, live_server, client, run):
    """The page, opened by a researcher."""
    client.force_login(UserFactory(role=User.Role.RESEARCHER))
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.goto(live_server.url + reverse("workers:page"))
    expect(page.get_by_text("3 of 8").last).to_be_visible()
    return page


def test_the_page_follows_what_a_worker_does(watched):
    Run.objects.update(done=5)
    expect(watched.get_by_text("5 of 8").last).to_be_visible()

    Run.objects.update(status="succeeded", finished_at=timezone.now())
    expect(watched.get_by_text("idle")).to_be_visible()

    Worker.objects.update(stopped_at=timezone.now())
    expect(watched.get_by_text("No worker is alive")).to_be_visible()


def test_a_lost_connection_is_told_until_it_is_back(watched):
    expect(watched.get_by_text(LOST)).to_be_hidden()

    watched.context.set_offline(True)
    expect(watched.get_by_text(LOST)).to_be_visible(timeout=10_000)
    Run.objects.update(done=6)
    watched.context.set_offline(False)

    expect(watched.get_by_text("6 of 8").last).to_be_visible(timeout=10_000)
    expect(watched.get_by_text(LOST)).to_be_hidden()


def test_an_error_of_the_site_is_told_and_does_not_end_the_watching(watched):
    watched.route("**/workers/", lambda route: route.fulfill(status=500, body="broken"))
    expect(watched.get_by_text(LOST)).to_be_visible(timeout=10_000)
    Run.objects.update(done=7)

    watched.unroute("**/workers/")

    expect(watched.get_by_text("7 of 8").last).to_be_visible(timeout=10_000)
    expect(watched.get_by_text(LOST)).to_be_hidden()


def test_a_list_of_the_past_stays_open_while_the_page_is_polled(page, watched):
    WorkerFactory(name="past:1", stopped_at=timezone.now())
    watched.reload()
    watched.get_by_text("Workers of the past (1)").click()

    Run.objects.update(done=4)

    expect(watched.get_by_text("4 of 8").last).to_be_visible()
    expect(watched.get_by_text("past:1")).to_be_visible()
