"""`manage.py launch FILE`: the plan as a table, the launch, and why it is refused."""

import io

import pytest
from django.core.management import CommandError, call_command

from annotate import broker
from annotate.models import AuditEntry, Experiment, User
from annotate.services.drafts import Draft
from annotate.services.experiment_files import write_experiment
from tests.annotate.factories import (
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DRAFT = Draft(
    name="Warm lines",
    task="continuation",
    feedback="lines",
    sources=("en",),
    prompts="openings",
    targets=("es",),
    policy="package:gemma3-270m",
    backbone="package:multilingual-e5-small",
)


@pytest.fixture(autouse=True)
def data(adam, monkeypatch) -> None:
    """English ratings, a Spanish opening, somebody who speaks Spanish, and one admin."""
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)
    for split in ("train", "test"):
        lines = PromptSetFactory(dataset="lines", language=LanguageFactory(tag="en"), split=split)
        RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))
    PromptFactory(prompt_set=PromptSetFactory(language=LanguageFactory(tag="es")))
    ProficiencyFactory(language=LanguageFactory(tag="es"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "warm.yaml"
    path.write_text(write_experiment(DRAFT))
    return path


def launch(*arguments) -> str:
    output = io.StringIO()
    call_command("launch", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_the_file_becomes_an_experiment_of_the_only_admin(file, adam):
    output = launch(file)

    experiment = Experiment.objects.get()
    assert Draft.of(experiment) == DRAFT
    assert experiment.created_by == adam
    assert f"Launched as experiment {experiment.pk}." in output
    assert AuditEntry.objects.get(action="experiment.launched").actor == adam


def test_the_plan_is_shown_as_tables(file):
    output = launch(file, "--plan")

    assert [line for line in output.splitlines() if "response pool" in line and "not measured" in line]
    assert [line for line in output.splitlines() if "es" in line and "± 98" in line]


def test_showing_the_plan_launches_nothing(file):
    launch(file, "--plan")

    assert not Experiment.objects.exists()


def test_what_is_there_already_is_told(file):
    launch(file)

    assert "response pool es: already under way for experiment" in launch(file, "--plan")


def test_a_plan_that_cannot_run_is_shown_and_refused_with_every_sentence(tmp_path):
    path = tmp_path / "warm.yaml"
    path.write_text(write_experiment(DRAFT).replace("- es", "- tr"))

    with pytest.raises(CommandError) as caught:
        launch(path)

    assert len(str(caught.value).splitlines()) == 2
    assert "Nobody here is registered as a speaker of Turkish" in str(caught.value)
    assert caught.value.returncode == 1
    assert not Experiment.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"name: x", "polyreward: 1"), (b"\xff", "UTF-8"), (None, "UTF-8")]
)
def test_a_file_that_cannot_be_used_is_told(tmp_path, content, sentence):
    path = tmp_path / "file.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError, match=sentence):
        launch(path)


def test_among_several_admins_one_must_be_named(file):
    eve = UserFactory(username="eve", role=User.Role.ADMIN)
    with pytest.raises(CommandError, match="--as USERNAME"):
        launch(file)

    launch(file, "--as", "eve")

    assert Experiment.objects.get().created_by == eve


def test_nobody_launches_in_the_name_of_somebody_who_may_not(file, rosa):
    with pytest.raises(CommandError, match="There is no admin rosa"):
        launch(file, "--as", "rosa")
