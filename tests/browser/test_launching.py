"""The launch form in a browser shows what the chosen task and data set have, and hides the rest."""

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
def form(page, live_server):
    """Continuation has lines in en and tr, others in es and an opening in es; dialog has talks in en."""
    for task, dataset, tag, split in [
        ("continuation", "lines", "en", "train"),
        ("continuation", "lines", "en", "test"),
        ("continuation", "lines", "tr", "train"),
        ("continuation", "others", "es", "train"),
        ("dialog", "talks", "en", "train"),
    ]:
        language = LanguageFactory(tag=tag)
        prompt_set = PromptSetFactory(task=task, dataset=dataset, language=language, split=split)
        RatingFactory(response__prompt=PromptFactory(prompt_set=prompt_set, text=""))
    PromptFactory(prompt_set=PromptSetFactory(language=LanguageFactory(tag="es")))
    ProficiencyFactory(language=LanguageFactory(tag="es"))
    User.objects.create_user("ada", password="a long enough password", role=User.Role.ADMIN)
    page.goto(f"{live_server.url}{reverse('account:login')}?next={reverse('launch:new')}")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("a long enough password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiments/new/")
    page.locator("[name=sources][value=es]").wait_for(state="hidden")  # the script has run
    return page


def visible(form, name: str) -> list[str]:
    fields = form.locator(f"[name={name}]").all()
    return [field.get_attribute("value") for field in fields if field.is_visible()]


def test_without_the_script_everything_with_data_is_there(form):
    plain = form.context.browser.new_context(
        java_script_enabled=False, storage_state=form.context.storage_state()
    )
    page = plain.new_page()
    page.goto(form.url)

    assert visible(page, "sources") == ["en", "es", "tr"]
    assert visible(page, "feedback") == ["lines", "others", "talks"]


def test_the_languages_are_those_of_the_chosen_data_set(form):
    assert visible(form, "sources") == ["en", "tr"]

    form.get_by_label("others").check()

    assert visible(form, "sources") == ["es"]


def test_the_data_sets_are_those_of_the_chosen_task(form):
    form.get_by_label("Task").select_option("dialog")

    assert (visible(form, "feedback"), visible(form, "prompts")) == (["talks"], [])
    assert form.get_by_label("talks").is_checked()
    assert form.get_by_text("Nothing for this task yet").last.is_visible()


def test_what_was_chosen_and_then_hidden_is_not_sent(form):
    form.get_by_label("others").check()
    form.locator("[name=sources][value=es]").check()
    form.get_by_label("lines").check()
    form.locator("[name=sources][value=en]").check()
    form.locator("[name=targets][value=es]").check()

    form.get_by_role("button", name="Launch", exact=True).click()

    form.get_by_text("is on its way").wait_for()
    (source,) = Experiment.objects.get().sources.all()
    assert source.tag == "en"
