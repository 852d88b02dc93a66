"""An annotator signs in and judges by keyboard, against the real site: in Spanish, and from right to left."""

import pytest

from annotate.models import Assignment, Judgment, Proficiency, User
from annotate.services.studies import add_comparisons
from tests.annotate.factories import (
    LanguageFactory,
    PromptFactory,
    PromptSetFactory,
    ResponseFactory,
    StudyFactory,
    UnalignedSystemFactory,
)

sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OPENINGS = {"es": "Cuando abrió la puerta, el perro", "ar": "عندما فتحت الباب وجدت"}
RESPONSES = {"es": ("saltó de alegría.", "se había ido."), "ar": ("إبريق شاي ساخن.", "الغرفة باردة.")}


def make_study(tag: str) -> None:
    """Two comparisons in one language, and somebody who speaks it."""
    language = LanguageFactory(tag=tag)
    annotator = User.objects.create_user("noor", password="a long enough password")
    Proficiency.objects.create(user=annotator, language=language, level="native")
    system = UnalignedSystemFactory(language=language)
    prompt_set = PromptSetFactory(language=language)
    pairs = []
    for number in range(2):
        prompt = PromptFactory(prompt_set=prompt_set, text=f"{OPENINGS[tag]} {number}")
        pairs.append([ResponseFactory(prompt=prompt, system=system, text=text) for text in RESPONSES[tag]])
    add_comparisons(StudyFactory(name="Warm continuations"), pairs)


def sign_in(page) -> None:
    page.get_by_label("Username").fill("noor")
    page.get_by_label("Password").fill("a long enough password")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your studies").wait_for()


def sign_in_and_start(page, address: str) -> None:
    page.goto(address)
    sign_in(page)
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".pair")
    page.wait_for_load_state("load")  # the script that reads the keys is there


@pytest.mark.parametrize(("tag", "direction"), [("es", "ltr"), ("ar", "rtl")])
def test_an_annotator_judges_by_keyboard_until_nothing_is_left(page, live_server, tag, direction):
    make_study(tag)
    sign_in_and_start(page, live_server.url)
    shown = page.locator(".response .text")
    left = shown.first.inner_text()

    assert [(text.get_attribute("lang"), text.get_attribute("dir")) for text in shown.all()] == [
        (tag, direction)
    ] * 2
    page.keyboard.press("1")
    page.wait_for_selector("text=1 of 2")
    page.keyboard.press("9")
    page.wait_for_selector("text=All done")

    better, bad = Judgment.objects.order_by("pk").select_related("comparison__first", "comparison__second")
    preferred = better.comparison.first if better.points == 2 else better.comparison.second
    assert preferred.text == left
    assert (better.seconds is not None, better.swapped) == (True, better.assignment.swapped)
    assert (bad.points, bad.both_bad) == (1, True)


def test_undo_brings_the_verdict_back_and_a_new_one_replaces_it(page, live_server):
    make_study("es")
    sign_in_and_start(page, live_server.url)
    page.keyboard.press("1")
    page.wait_for_selector("text=1 of 2")

    page.keyboard.press("u")
    page.wait_for_selector(".answer--left.answer--given")
    page.keyboard.press("0")
    sync_api.expect(page.locator(".answer--given")).to_have_count(0, timeout=30_000)

    assert [judgment.points for judgment in Judgment.objects.standing()] == [1]
    assert Judgment.objects.count() == 2


def test_a_skipped_comparison_goes_to_somebody_else(page, live_server):
    make_study("es")
    sign_in_and_start(page, live_server.url)
    first = page.locator(".prompt").inner_text()

    page.keyboard.press("s")
    sync_api.expect(page.locator(".prompt")).not_to_have_text(first, timeout=30_000)

    statuses = sorted(Assignment.objects.values_list("status", flat=True))
    assert statuses == ["free", "leased", "skipped"]
    assert not Judgment.objects.exists()


def test_judging_works_without_javascript(page, live_server):
    make_study("es")
    plain = page.context.browser.new_context(java_script_enabled=False).new_page()
    sign_in_and_start(plain, live_server.url)

    plain.get_by_role("button", name="Right is better").click()
    plain.wait_for_selector("text=1 of 2")

    assert Judgment.objects.count() == 1


def test_a_verdict_waits_until_somebody_has_signed_in_again(page, live_server):
    make_study("es")
    sign_in_and_start(page, live_server.url)
    page.context.clear_cookies(name="sessionid")

    page.keyboard.press("1")
    page.get_by_text("You are signed out.").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("You are signed out.").wait_for()
    assert not Judgment.objects.exists()

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    sign_in(opened.value)
    page.get_by_role("button", name="Send again").click()
    page.wait_for_selector("text=1 of 2")

    assert Judgment.objects.count() == 1


def test_signing_in_elsewhere_does_not_lose_the_verdict_of_an_open_page(page, live_server):
    make_study("es")
    sign_in_and_start(page, live_server.url)
    page.context.clear_cookies()
    other = page.context.new_page()
    other.goto(live_server.url)
    sign_in(other)

    page.keyboard.press("2")
    page.wait_for_selector("text=1 of 2")

    assert Judgment.objects.count() == 1
