"""The page of an experiment follows its runs, keeps what a person does there, and fits a phone."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import Experiment, Run, User
from tests.annotate.factories import ExperimentFactory, LanguageFactory, RunFactory, UserFactory

sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TAGS = ("ar", "de", "en", "es", "ru", "tr")


@pytest.fixture
def experiment() -> Experiment:
    """Six sources and targets: their rewards wait, but for one that is under way."""
    experiment = ExperimentFactory(name="Six by six")
    languages = [LanguageFactory(tag=tag) for tag in TAGS]
    experiment.sources.set(languages)
    experiment.targets.set(languages)
    for source in languages:
        for target in languages:
            title = f"rewards {target.tag} ← {source.tag}"
            RunFactory(kind="score", title=title, source=source, target=target).experiments.add(experiment)
    beat = {"heartbeat_at": timezone.now(), "started_at": timezone.now()}
    experiment.runs.filter(title="rewards es ← en").update(status="running", done=1, total=4, **beat)
    return experiment


@pytest.fixture
def watched(page, live_server, client, experiment):
    """The page of the experiment, opened by a researcher on a phone."""
    client.force_login(UserFactory(role=User.Role.RESEARCHER))
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(live_server.url + reverse("researcher:experiment", args=[experiment.pk]))
    return page


def node(watched, name: str):
    return watched.get_by_role("link", name=name)


def test_the_graph_follows_the_runs_until_they_have_ended(watched, experiment):
    assert node(watched, "rewards es ← en: running, 1 of 4").is_visible()

    Run.objects.filter(title="rewards es ← en").update(done=3)
    node(watched, "rewards es ← en: running, 3 of 4").wait_for()
    Run.objects.update(status="succeeded")
    watched.get_by_text("All runs have ended.").wait_for()

    asked: list[str] = []
    watched.on("request", lambda request: asked.append(request.url))
    watched.wait_for_timeout(4_000)
    assert asked == []
    watched.get_by_role("link", name="Show their results").click()
    sync_api.expect(watched.get_by_text("All runs have ended.")).to_have_count(0)


def test_a_box_leads_to_its_run(watched, experiment):
    node(watched, "rewards es ← en").first.click()

    watched.get_by_role("heading", name="Rewards es ← en").wait_for()


def test_the_keyboard_stays_on_its_run_while_the_graph_is_replaced(watched, experiment):
    node(watched, "rewards es ← en: running").focus()

    Run.objects.filter(title="rewards es ← en").update(done=3)
    node(watched, "rewards es ← en: running, 3 of 4").wait_for()

    sync_api.expect(node(watched, "rewards es ← en: running, 3 of 4")).to_be_focused()


def test_the_table_stays_open_while_it_is_replaced(watched, experiment):
    watched.get_by_text("The runs as a table").click()

    Run.objects.filter(title="rewards es ← en").update(done=3)

    watched.get_by_role("cell", name="3 of 4").wait_for()


def test_a_wide_graph_scrolls_in_its_frame_and_not_the_page(watched, experiment):
    frame = watched.get_by_role("region", name="Graph of the runs")
    frame.evaluate("frame => { frame.scrollLeft = 20 }")

    assert watched.evaluate("document.documentElement.scrollWidth") <= 390
    Run.objects.filter(title="rewards es ← en").update(done=3)
    node(watched, "rewards es ← en: running, 3 of 4").wait_for()
    assert frame.evaluate("frame => frame.scrollLeft") == 20


def test_the_page_says_that_the_connection_is_lost_until_it_is_back(watched, experiment):
    lost = watched.get_by_text("Connection lost, trying again.")

    watched.context.set_offline(True)
    lost.wait_for()
    Run.objects.filter(title="rewards es ← en").update(done=4)
    watched.context.set_offline(False)

    node(watched, "rewards es ← en: running, 4 of 4").wait_for()
    assert not lost.is_visible()
