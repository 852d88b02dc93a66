"""The launch form over HTTP: what it offers, what it refuses, and what launching makes."""

import pytest
from django.urls import reverse

from annotate.models import Experiment, Run
from tests.annotate.factories import (
    ExperimentFactory,
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    RunFactory,
)

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Warm lines",
    "task": "continuation",
    "feedback": "lines",
    "sources": ["en"],
    "prompts": "openings",
    "targets": ["es"],
    "policy": "package:gemma3-270m",
    "backbone": "package:multilingual-e5-small",
    "method": "frozen",
    "n": "16",
    "num_prompts": "24",
    "votes_wanted": "1",
    "half_width": "0.1",
    "seed": "0",
    "priority": "0",
}


def rate(tag: str, split: str, **prompt_set: str) -> None:
    """One rated line that answers no prompt."""
    language = LanguageFactory(tag=tag)
    lines = PromptSetFactory(**{"dataset": "lines", "language": language, "split": split} | prompt_set)
    RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))


@pytest.fixture
def data() -> None:
    """English and Turkish ratings to learn from, English ones to test on; a Spanish opening and speaker."""
    rate("en", "train")
    rate("tr", "validation")
    rate("en", "test")
    PromptFactory(prompt_set=PromptSetFactory(language=LanguageFactory(tag="es")))
    ProficiencyFactory(language=LanguageFactory(tag="es"))


@pytest.fixture
def admin(client, adam):
    client.force_login(adam)
    return client


@pytest.fixture
def form(admin, data):
    return admin.get(reverse("launch:new")).context["form"]


def offered(form, name: str) -> list[str]:
    return [str(value) for value, _ in form.fields[name].choices]


def test_only_data_sets_that_hold_something_are_offered(form):
    assert (offered(form, "feedback"), offered(form, "prompts")) == (["lines"], ["openings"])


def test_only_languages_that_hold_something_are_offered(form):
    assert (offered(form, "sources"), offered(form, "targets")) == (["en", "tr"], ["es"])


def test_a_data_set_that_can_only_be_tested_on_teaches_nothing(admin, data):
    rate("en", "test", dataset="held-out")

    assert offered(admin.get(reverse("launch:new")).context["form"], "feedback") == ["lines"]


def test_a_task_with_data_and_its_data_sets_are_chosen_to_begin_with(admin):
    rate("en", "train", task="dialog")
    rate("en", "train", task="summarization", dataset="other")
    PromptFactory(prompt_set=PromptSetFactory(task="continuation", dataset="elsewhere"))

    form = admin.get(reverse("launch:new")).context["form"]

    task = form["task"].initial
    assert (task, form["feedback"].initial) in [("dialog", "lines"), ("summarization", "other")]
    assert form["prompts"].initial is None


def test_each_data_set_tells_its_languages_and_how_much_they_hold(admin, data):
    rate("en", "validation")

    page = admin.get(reverse("launch:new"))

    (_, lines), *_ = page.context["form"].fields["feedback"].choices
    assert [(language.tag, count) for language, count in lines.training] == [("en", 2), ("tr", 1)]
    assert [(language.tag, count) for language, count in lines.held_out] == [("en", 1)]
    assert '<bdi lang="tr">tr</bdi> 1' in page.content.decode()


def test_without_data_the_form_leads_to_the_import(admin):
    page = admin.get(reverse("launch:new")).content.decode()

    assert "There is nothing to choose yet" in page
    assert f'href="{reverse("imports:page")}"' in page


def test_the_form_creates_an_experiment_with_its_runs_and_parents(admin, data):
    answer = admin.post(reverse("launch:new"), FORM)

    experiment = Experiment.objects.get()
    assert answer.headers["Location"] == reverse("researcher:experiment", args=[experiment.pk])
    assert experiment.created_by.username == "adam"
    selection = experiment.runs.get(kind=Run.Kind.BEST_OF_N)
    assert set(selection.parents.values_list("kind", flat=True)) == {"sample", "score"}
    assert set(experiment.runs.filter(status="queued").values_list("kind", flat=True)) == {
        "reward_model",
        "sample",
    }


@pytest.mark.parametrize("field", ["policy", "backbone"])
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nonsense", "is no source"),
        ("Qwen/Qwen3-0.6B", "@REVISION with a commit hash or a tag"),
        ("package:gemma4", "package:gemma3-270m"),
    ],
)
def test_a_source_that_names_no_model_is_refused_beside_its_field(admin, data, field, source, sentence):
    answer = admin.post(reverse("launch:new"), FORM | {field: source})

    assert answer.status_code == 422
    (error,) = answer.context["form"].errors[field]
    assert sentence in error
    assert not Experiment.objects.exists()


def test_an_impossible_plan_is_told_at_the_top_and_the_input_stays(admin, data):
    rate("tr", "train", dataset="others")

    answer = admin.post(reverse("launch:new"), FORM | {"feedback": "others", "n": "8"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "has no preferences or ratings in en to train on" in page[: page.index("<section")]
    assert 'value="8"' in page
    assert answer.context["form"]["feedback"].value() == "others"
    assert not Experiment.objects.exists()


def test_a_run_can_be_cancelled(admin):
    run = RunFactory()

    answer = admin.post(reverse("launch:cancel", args=[run.pk]), follow=True)

    assert Run.objects.get().status == Run.Status.CANCELLED
    assert "was asked to stop" in answer.content.decode()


def test_a_run_that_has_ended_cannot_be_cancelled(admin):
    run = RunFactory(status=Run.Status.SUCCEEDED)

    answer = admin.post(reverse("launch:cancel", args=[run.pk]))

    assert answer.status_code == 409
    assert "nothing to cancel" in answer.content.decode()


def test_a_failed_run_starts_again(admin):
    run = RunFactory(status=Run.Status.FAILED, error="no memory")

    admin.post(reverse("launch:retry", args=[run.pk]))

    assert Run.objects.get().status == Run.Status.QUEUED


@pytest.mark.parametrize(
    ("status", "polls"),
    [("waiting", True), ("running", True), ("succeeded", False), ("failed", False), ("cancelled", False)],
)
def test_the_page_of_a_run_polls_until_the_run_has_ended(admin, now, status, polls):
    run = RunFactory(status=status, heartbeat_at=now, error="why" if status == "failed" else "")

    page = admin.get(reverse("launch:run", args=[run.pk])).content.decode()

    assert ('hx-trigger="every 2s"' in page) == polls


def test_polling_gets_the_live_part_alone(admin, now):
    run = RunFactory(status="running", heartbeat_at=now, done=3, total=8, unit="prompts")

    page = admin.get(reverse("launch:run", args=[run.pk]), headers={"HX-Request": "true"}).content.decode()

    assert page.strip().startswith('<div id="run"')
    assert "<html" not in page
    assert "3 of 8" in page


def test_an_error_of_the_user_is_told_in_its_own_words(admin):
    run = RunFactory(status="failed", error="Choose another policy.", error_kind=Run.ErrorKind.USER)

    page = admin.get(reverse("launch:run", args=[run.pk])).content.decode()

    assert "Choose another policy." in page
    assert "Something broke" not in page


def test_our_error_is_told_with_its_traceback(admin):
    run = RunFactory(status="failed", error="Traceback: boom", error_kind=Run.ErrorKind.OURS)

    page = admin.get(reverse("launch:run", args=[run.pk])).content.decode()

    assert "Something broke on our side" in page
    assert "Traceback: boom" in page


def test_a_researcher_sees_a_run_without_the_buttons_of_an_admin(client, rosa):
    client.force_login(rosa)
    run = RunFactory()

    assert "Cancel the run" not in client.get(reverse("launch:run", args=[run.pk])).content.decode()


def test_every_run_is_listed_with_its_experiment_a_click_away(admin):
    run = RunFactory(title="response pool es")
    run.experiments.add(ExperimentFactory(name="Warm lines"))

    assert "response pool es" in admin.get(reverse("launch:runs")).content.decode()
    assert "Warm lines" in admin.get(reverse("launch:run", args=[run.pk])).content.decode()
