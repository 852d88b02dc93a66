"""The page of a run follows its row until the run has ended."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import Run, User
from annotate.services.runs import work_directory
from tests.annotate.factories import RunFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def run() -> Run:
    now = timezone.now()
    return RunFactory(status="running", heartbeat_at=now, started_at=now, done=3, total=8, unit="prompts")


@pytest.fixture
def watched(page, live_server, client, run):
    """The page of the run, opened by a researcher."""
    client.force_login(UserFactory(role=User.Role.RESEARCHER))
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    log = work_directory(run) / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("\n".join(f"prompt {number}" for number in range(200)))
    page.goto(live_server.url + reverse("launch:run", args=[run.pk]))
    page.get_by_text("3 of 8").last.wait_for()
    return page


def test_the_page_follows_the_row_and_stops_when_the_run_has_ended(watched, run):
    asked: list[str] = []
    watched.on("request", lambda request: asked.append(request.url))

    Run.objects.update(done=5, samples=[{"done": 5, "text": "una tarde tranquila"}])
    watched.get_by_text("5 of 8").last.wait_for()
    assert watched.get_by_text("una tarde tranquila").is_visible()

    Run.objects.update(done=8, status="succeeded", finished_at=timezone.now())
    watched.get_by_text("8 of 8").last.wait_for()
    assert watched.get_by_text("Succeeded").is_visible()

    asked.clear()
    watched.wait_for_timeout(4_500)
    assert asked == []


def test_whoever_reads_back_in_the_log_stays_there(watched, run):
    log = watched.locator("[data-log]")
    log.evaluate("log => { log.scrollTop = -600 }")

    Run.objects.update(done=6)
    watched.get_by_text("6 of 8").last.wait_for()

    assert log.evaluate("log => log.scrollTop") == -600
