"""The page of a run follows its row until the run has ended, through a lost connection, too."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import Curve, Run, User
from annotate.services.runs import work_directory
from tests.annotate.factories import RunFactory, UserFactory

sync_api = pytest.importorskip("playwright.sync_api")

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
    log = watched.locator('[data-place="log"]')
    log.evaluate("log => { log.scrollTop = -600 }")

    Run.objects.update(done=6)
    watched.get_by_text("6 of 8").last.wait_for()

    assert log.evaluate("log => log.scrollTop") == -600


@pytest.fixture
def loss(run) -> Curve:
    return Curve.objects.create(run=run, name="loss", steps=[1, 2, 3], values=[0.5, 0.4, 0.3])


def report(curve: Curve, step: int, value: float) -> None:
    curve.steps, curve.values = [*curve.steps, step], [*curve.values, value]
    curve.save()
    Run.objects.update(done=step)


def test_a_curve_is_drawn_and_grows_without_breaking_the_security_policy(loss, watched, run):
    complaints: list[str] = []
    watched.on("console", lambda message: complaints.append(message.text))
    watched.reload()
    drawing = watched.locator("[data-curve]")
    sync_api.expect(drawing.locator("canvas")).to_be_visible()
    drawing.evaluate("box => { box.dataset.same = 'yes' }")

    report(loss, 4, 0.2)

    sync_api.expect(drawing).to_have_attribute("data-points", "4", timeout=10_000)
    image = watched.get_by_role("img", name="Curve of loss: 0.2 at 4")
    assert image.is_visible()
    assert drawing.get_attribute("data-same") == "yes"  # drawn on, not drawn anew
    assert complaints == []


def test_a_curve_that_appears_later_is_drawn(watched, run):
    Curve.objects.create(run=run, name="accuracy", steps=[1, 2], values=[0.5, 0.75])

    watched.get_by_role("img", name="Curve of accuracy: 0.75 at 2").wait_for()


def test_a_curve_that_goes_back_is_drawn_anew(loss, watched, run):
    watched.get_by_role("img", name="Curve of loss: 0.3 at 3").wait_for()

    Curve.objects.update(steps=[1, 2], values=[0.5, 0.9])
    Run.objects.update(attempt=2)

    watched.get_by_role("img", name="Curve of loss: 0.9 at 2").wait_for()
    assert watched.locator("[data-curve]").get_attribute("data-points") == "2"


def test_the_scale_can_be_logarithmic_where_every_value_is_positive(loss, watched, run):
    button = watched.get_by_role("button", name="Logarithmic scale for loss")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"

    report(loss, 4, -0.1)

    watched.get_by_role("img", name="Curve of loss: -0.1 at 4").wait_for()
    assert not button.is_visible()


def test_the_page_says_that_the_connection_is_lost_until_it_is_back(loss, watched, run):
    lost = watched.get_by_text("Connection lost, trying again.")
    assert not lost.is_visible()

    watched.context.set_offline(True)
    lost.wait_for()
    report(loss, 6, 0.1)
    watched.context.set_offline(False)

    watched.get_by_text("6 of 8").last.wait_for()
    watched.get_by_role("img", name="Curve of loss: 0.1 at 6").wait_for()
    assert not lost.is_visible()


def test_somebody_who_was_signed_out_is_told_so(watched, run):
    watched.context.clear_cookies(name="sessionid")

    watched.get_by_text("You are signed out.").wait_for()

    assert watched.get_by_role("heading", name="Progress").is_visible()


def test_an_answer_that_is_older_than_the_page_is_dropped(watched, run):
    address = "**" + reverse("launch:run", args=[run.pk])
    old = watched.request.get(watched.url, headers={"HX-Request": "true"}).text()
    Run.objects.update(done=5)
    watched.get_by_text("5 of 8").last.wait_for()

    with watched.expect_response(address):
        watched.route(address, lambda route: route.fulfill(body=old, content_type="text/html"), times=1)
    watched.wait_for_timeout(200)

    assert watched.get_by_text("5 of 8").last.is_visible()


def test_selected_text_and_open_details_stay(loss, watched, run):
    details = watched.locator("#configuration")
    details.locator("summary").click()
    Run.objects.update(done=4)
    watched.get_by_text("4 of 8").last.wait_for()
    assert details.get_attribute("open") is not None

    watched.locator("#log").select_text()
    Run.objects.update(done=5)
    watched.wait_for_timeout(3_000)
    assert watched.evaluate("getSelection().toString()") == "Log"

    watched.evaluate("getSelection().removeAllRanges()")
    watched.get_by_text("5 of 8").last.wait_for()


def test_the_command_is_copied(watched, run):
    Run.objects.update(command="python -m alignment sample --seed 7")
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])

    watched.get_by_role("button", name="Copy the command").click()

    watched.get_by_text("Copied.").wait_for()
    assert watched.evaluate("navigator.clipboard.readText()") == "python -m alignment sample --seed 7"


def test_a_command_that_the_browser_does_not_copy_is_selected(watched, run):
    Run.objects.update(command="python -m alignment sample --seed 7", status="succeeded")
    watched.reload()
    watched.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")

    watched.get_by_role("button", name="Copy the command").click()

    watched.get_by_text("The command is selected").wait_for()
    assert watched.evaluate("getSelection().toString()") == "python -m alignment sample --seed 7"


def test_the_curves_follow_the_choice_of_colours(loss, watched, run):
    canvas = watched.locator("[data-curve] canvas")
    canvas.wait_for()
    before = canvas.evaluate("canvas => canvas.toDataURL()")

    watched.emulate_media(color_scheme="dark")

    watched.wait_for_timeout(300)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
