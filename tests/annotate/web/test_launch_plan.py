"""The plan on the launch page, presets, clones and files, over HTTP."""

import pytest
from django.urls import reverse

from annotate.models import Experiment, Run
from annotate.services.experiment_files import read_experiment
from annotate.services.presets import PRESETS
from tests.annotate.factories import (
    ExperimentFactory,
    ImportedSystemFactory,
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
FORM = {
    "name": "Warm lines",
    "task": "continuation",
    "feedback": "lines",
    "sources": ["en"],
    "prompts": "openings",
    "targets": ["es"],
    "demonstrations": "",
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


@pytest.fixture
def data() -> None:
    """English ratings, a Spanish opening, a Spanish demonstration and somebody who speaks Spanish."""
    spanish = LanguageFactory(tag="es", english_name="Spanish")
    for split in ("train", "test"):
        lines = PromptSetFactory(dataset="lines", language=LanguageFactory(tag="en"), split=split)
        RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))
    PromptFactory(prompt_set=PromptSetFactory(language=spanish))
    stories = PromptSetFactory(dataset="stories", language=spanish, split="train")
    ResponseFactory(prompt=PromptFactory(prompt_set=stories), system=ImportedSystemFactory())
    ProficiencyFactory(language=spanish)


@pytest.fixture
def admin(client, adam):
    client.force_login(adam)
    return client


def plan_of(admin, **changes) -> str:
    return admin.post(reverse("launch:plan"), FORM | changes, headers=HTMX).content.decode()


def begun(admin, query: str):
    return admin.get(f"{reverse('launch:new')}?{query}").context["form"]


def checked(form, name: str) -> list[str]:
    return [option.data["value"] for option in form[name] if option.data["selected"]]


def test_the_plan_comes_as_a_fragment_and_writes_nothing(admin, data):
    before = Run.objects.count()

    page = plan_of(admin)

    assert "<html" not in page
    assert "Runs to do" in page
    assert "not measured" in page
    assert (Experiment.objects.count(), Run.objects.count()) == (0, before)


def test_without_a_script_the_plan_comes_with_the_whole_page_and_all_that_was_typed(admin, data):
    answer = admin.post(reverse("launch:plan"), FORM | {"n": "8"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Runs to do" in page
    assert 'value="8"' in page


def test_a_form_that_is_not_complete_says_what_is_missing(admin, data):
    page = plan_of(admin, sources=[], n="one")

    assert "Source languages: This field is required." in page
    assert "Responses per prompt (n): Enter a whole number." in page


def test_every_reason_against_a_launch_is_shown_in_the_plan(admin, data):
    RatingFactory(
        response__prompt=PromptFactory(
            prompt_set=PromptSetFactory(dataset="lines", split="test", language__tag="tr"), text=""
        )
    )

    page = plan_of(admin, targets=["es", "vi"], policy="Qwen/Qwen3@main")

    assert "Base policy: " in page  # the form itself refuses what is no source

    page = plan_of(admin, targets=["es", "vi"])

    assert "has no prompts in Vietnamese in the split test" in page
    assert "Nobody here is registered as a speaker of Vietnamese" in page


def test_a_refused_launch_keeps_everything_that_was_typed(admin, data):
    answer = admin.post(reverse("launch:new"), FORM | {"targets": ["es", "vi"], "n": "8", "priority": "1"})

    form, page = answer.context["form"], answer.content.decode()
    assert answer.status_code == 422
    assert "has no prompts in Vietnamese" in page[: page.index("<section")]
    assert (checked(form, "targets"), form["n"].value(), form["priority"].value()) == (["es", "vi"], "8", "1")
    assert not Experiment.objects.exists()


def test_what_is_shared_is_named(admin, data):
    admin.post(reverse("launch:new"), FORM)
    first = Experiment.objects.get()
    first.runs.update(status=Run.Status.SUCCEEDED)

    page = plan_of(admin)

    assert f"reused from experiment {first.pk} (Warm lines)" in page
    assert "5 runs need no work" in page


def test_what_somebody_cancelled_is_told_openly(admin, data):
    admin.post(reverse("launch:new"), FORM)
    run = Run.objects.get(kind=Run.Kind.SAMPLE, experiments__name="Warm lines")
    admin.post(reverse("launch:cancel", args=[run.pk]))

    page = plan_of(admin)

    warning = page[page.index("message--warning") : page.index("<details")]
    assert "Response pool es: cancelled by adam on " in warning
    assert "it would start again" in warning


def test_demonstrations_can_be_chosen_and_launched(admin, data):
    admin.post(reverse("launch:new"), FORM | {"demonstrations": "stories", "half_width": "0.2"})

    experiment = Experiment.objects.get()
    assert (experiment.demonstrations, experiment.half_width) == ("stories", 0.2)
    assert experiment.runs.filter(kind=Run.Kind.SFT).count() == 1


def test_the_base_policy_as_it_is_comes_first(admin, data):
    form = admin.get(reverse("launch:new")).context["form"]

    assert [value for value, _ in form.fields["demonstrations"].choices] == ["", "stories"]
    assert checked(form, "demonstrations") == [""]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_fills_the_form_with_or_without_its_data(admin, preset):
    form = begun(admin, f"preset={preset.key}")

    assert checked(form, "feedback") == [preset.draft.feedback]
    assert checked(form, "demonstrations") == [preset.draft.demonstrations]
    assert checked(form, "sources") == list(preset.draft.sources)
    assert checked(form, "targets") == list(preset.draft.targets)
    assert form["n"].value() == preset.draft.n


def test_the_plan_of_a_preset_without_its_data_says_what_to_import(admin):
    preset = PRESETS["paper-dialog"].draft
    sent = {
        name: list(value) if isinstance(value, tuple) else value for name, value in preset.as_dict().items()
    }

    page = admin.post(reverse("launch:plan"), sent, headers=HTMX).content.decode()

    assert page.count("There is no data set &quot;oasst1&quot; for the task dialog here: import it") == 1


def test_an_unknown_preset_is_an_empty_form(admin, data):
    assert begun(admin, "preset=nothing")["name"].value() == "Experiment 1"


def test_a_clone_has_everything_of_its_experiment_but_the_name(admin, data):
    admin.post(reverse("launch:new"), FORM | {"demonstrations": "stories", "n": "8", "seed": "7"})
    experiment = Experiment.objects.get()

    form = begun(admin, f"clone={experiment.pk}")

    assert form["name"].value() == "Warm lines (changed)"
    assert (form["n"].value(), form["seed"].value()) == (8, 7)
    assert checked(form, "sources") == ["en"]
    assert checked(form, "demonstrations") == ["stories"]


def test_a_clone_that_is_launched_unchanged_shares_every_run(admin, data):
    admin.post(reverse("launch:new"), FORM)
    (first,) = Experiment.objects.all()
    form = begun(admin, f"clone={first.pk}")

    admin.post(reverse("launch:new"), {field.name: field.value() for field in form})

    second = Experiment.objects.exclude(pk=first.pk).get()
    assert set(first.runs.all()) == set(second.runs.all())


@pytest.mark.parametrize("clone", ["99", "x", "-1"])
def test_nothing_is_cloned_from_nothing(admin, clone):
    assert admin.get(f"{reverse('launch:new')}?clone={clone}").status_code == 404


def test_the_page_of_an_experiment_leads_to_its_clone_and_its_file(admin):
    experiment = ExperimentFactory()

    page = admin.get(reverse("researcher:experiment", args=[experiment.pk])).content.decode()

    assert f"{reverse('launch:new')}?clone={experiment.pk}" in page
    assert reverse("launch:file", args=[experiment.pk]) in page


def test_the_file_of_an_experiment_describes_it(client, rosa, admin, data):
    admin.post(reverse("launch:new"), FORM)
    experiment = Experiment.objects.get()
    client.force_login(rosa)

    answer = client.get(reverse("launch:file", args=[experiment.pk]))

    assert answer.headers["Content-Disposition"] == 'attachment; filename="warm-lines.yaml"'
    draft = read_experiment(answer.content.decode())
    assert (draft.name, draft.sources, draft.targets) == ("Warm lines", ("en",), ("es",))


def test_the_form_gives_the_file_of_what_it_would_launch(admin, data):
    drafted = admin.post(reverse("launch:drafted_file"), FORM).content
    admin.post(reverse("launch:new"), FORM)

    launched = admin.get(reverse("launch:file", args=[Experiment.objects.get().pk])).content

    assert drafted == launched


def test_a_form_that_is_not_complete_gives_no_file(admin, data):
    answer = admin.post(reverse("launch:drafted_file"), FORM | {"n": "1"})

    assert answer.status_code == 422
    assert "Nothing was saved yet" in answer.content.decode()


def test_a_name_without_latin_letters_still_names_a_file(admin):
    experiment = ExperimentFactory(name="تجربة")
    for name in ("sources", "targets"):
        getattr(experiment, name).set([LanguageFactory(tag="ar")])

    answer = admin.get(reverse("launch:file", args=[experiment.pk]))

    assert 'filename="experiment.yaml"' in answer.headers["Content-Disposition"]
