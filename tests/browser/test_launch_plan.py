"""The plan in a browser: it follows the form, and the form keeps what a refused launch was about."""

import re

import pytest
from django.urls import reverse

from annotate.models import Experiment, User
from tests.annotate.factories import (
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def expect():
    return pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def form(page, live_server):
    """Ratings in en and tr, openings in es and tr; nobody speaks tr."""
    for tag, split in (("en", "train"), ("en", "test"), ("tr", "train")):
        lines = PromptSetFactory(dataset="lines", language=LanguageFactory(tag=tag), split=split)
        RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))
    for tag in ("es", "tr"):
        PromptFactory(prompt_set=PromptSetFactory(language=LanguageFactory(tag=tag, english_name=tag)))
    ProficiencyFactory(language=LanguageFactory(tag="es"))
    User.objects.create_user("ada", password="a long enough password", role=User.Role.ADMIN)
    page.goto(f"{live_server.url}{reverse('account:login')}?next={reverse('launch:new')}")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("a long enough password")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Launch an experiment").wait_for()
    return page


def choose(form, **languages: str) -> None:
    for name, tag in languages.items():
        form.locator(f"[name={name}][value={tag}]").check()


def test_the_plan_follows_what_is_chosen(form, expect):
    plan = form.locator("#plan")
    expect(plan).to_contain_text("Source languages: This field is required.")

    choose(form, sources="en", targets="es")

    expect(plan).to_contain_text("Runs to do")
    expect(plan.locator("dd").first).to_have_text(re.compile(r"^\s*5\s+of 5\s*$"))
    choose(form, sources="tr")
    expect(plan.locator("dd").first).to_have_text(re.compile(r"^\s*9\s+of 9\s*$"))


def test_the_plan_follows_what_is_typed(form, expect):
    choose(form, sources="en", targets="es")

    form.get_by_label("Responses per prompt (n)").fill("99")

    expect(form.get_by_role("region", name="Judging by language")).to_contain_text("100")


def test_a_reason_against_it_appears_and_goes_with_its_cause(form, expect):
    choose(form, sources="en", targets="tr")
    expect(form.locator("#plan")).to_contain_text("Nobody here is registered as a speaker of tr")

    form.locator("[name=targets][value=tr]").uncheck()
    choose(form, targets="es")

    expect(form.locator("#plan")).not_to_contain_text("Nobody here is registered")


def test_a_refused_launch_keeps_the_choice_and_can_be_mended(form, expect):
    choose(form, sources="en", targets="es")
    choose(form, targets="tr")
    form.get_by_label("Name").fill("Mine")

    form.get_by_role("button", name="Launch", exact=True).click()

    expect(form.get_by_role("alert").first).to_contain_text("Nobody here is registered")
    expect(form.get_by_label("Name")).to_have_value("Mine")
    form.locator("[name=targets][value=tr]").uncheck()
    form.get_by_role("button", name="Launch", exact=True).click()
    form.get_by_text("Mine is on its way").wait_for()
    assert [language.tag for language in Experiment.objects.get().targets.all()] == ["es"]


def test_without_scripts_a_button_shows_the_plan(form, expect):
    plain = form.context.browser.new_context(
        java_script_enabled=False, storage_state=form.context.storage_state()
    )
    page = plain.new_page()
    page.goto(form.url)
    choose(page, sources="en", targets="es")

    page.get_by_role("button", name="Show the plan").click()

    expect(page.locator("#plan")).to_contain_text("Runs to do")
    expect(page.locator("[name=targets][value=es]")).to_be_checked()


def test_the_plan_comes_as_a_file(form, expect):
    choose(form, sources="en", targets="es")

    with form.expect_download() as download:
        form.get_by_role("button", name="Download as a file").click()

    assert download.value.suggested_filename == "experiment-1.yaml"


def test_what_a_preset_names_stays_although_it_is_not_here(form, expect):
    form.get_by_role("link", name="Paper: dialog").click()

    expect(form.locator("#plan")).to_contain_text('no data set "oasst1" for the task dialog')
    expect(form.locator("[name=sources][value=ru]")).to_be_checked()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(form, width):
    form.set_viewport_size({"width": width, "height": 844})
    choose(form, sources="en", targets="es")

    form.get_by_role("region", name="Runs by kind").wait_for()

    assert form.evaluate("document.documentElement.scrollWidth") == width
