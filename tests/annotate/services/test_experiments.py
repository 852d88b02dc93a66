"""Launching: runs are made or joined, and what could not run is refused with every reason."""

import pytest

from annotate import broker
from annotate.errors import ImpossiblePlanError
from annotate.models import AuditEntry, Experiment, Run
from annotate.services import disk, experiments, runs
from tests.annotate.factories import (
    ExperimentFactory,
    ImportedSystemFactory,
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
MODELS = {"policy": "package:gemma3-270m", "backbone": "package:multilingual-e5-small"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)


@pytest.fixture
def english():
    """A language with feedback to train and to test on."""
    language = LanguageFactory(tag="en", english_name="English")
    for split in ("train", "test"):
        lines = PromptSetFactory(dataset="lines", split=split, language=language)
        RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))
    return language


@pytest.fixture
def spanish():
    """A language with a prompt, a demonstration and somebody who speaks it."""
    language = LanguageFactory(tag="es", english_name="Spanish")
    PromptFactory(prompt_set=PromptSetFactory(language=language))
    stories = PromptSetFactory(dataset="stories", split="train", language=language)
    ResponseFactory(prompt=PromptFactory(prompt_set=stories), system=ImportedSystemFactory(language=language))
    ProficiencyFactory(language=language)
    return language


@pytest.fixture
def vietnamese():
    """A language that nobody speaks and nothing is written in."""
    return LanguageFactory(tag="vi", english_name="Vietnamese")


def draft(**fields) -> Experiment:
    return ExperimentFactory.build(**{**MODELS, "created_by": UserFactory(role="admin"), **fields})


def refused(sources, targets, **fields) -> tuple[str, ...]:
    with pytest.raises(ImpossiblePlanError) as caught:
        experiments.launch(draft(**fields), sources=sources, targets=targets)
    assert not Experiment.objects.exists()
    return caught.value.sentences


def test_launching_saves_what_each_run_needs(english, spanish):
    experiment = experiments.launch(draft(n=4, priority=1), sources=[english], targets=[spanish])

    pool = experiment.runs.get(kind=Run.Kind.SAMPLE)
    assert (pool.queue, pool.num_units, pool.priority) == ("gpu", 5, 1)
    assert pool.memory_needed > 0
    assert experiment.runs.get(kind=Run.Kind.BEST_OF_N).queue == "cpu"


def test_demonstrations_put_an_sft_run_before_the_pool(english, spanish):
    experiment = experiments.launch(draft(demonstrations="stories"), sources=[english], targets=[spanish])

    policy, pool = (experiment.runs.get(kind=kind) for kind in (Run.Kind.SFT, Run.Kind.SAMPLE))
    assert list(pool.parents.all()) == [policy]
    assert (policy.status, pool.status) == ("queued", "waiting")


def test_launching_is_written_into_the_audit_trail(english, spanish):
    experiment = experiments.launch(draft(), sources=[english], targets=[spanish])

    entry = AuditEntry.objects.get(action="experiment.launched")
    assert (entry.actor, entry.subject_id) == (experiment.created_by, str(experiment.pk))


def test_an_equal_experiment_joins_every_run_and_raises_its_priority(english, spanish):
    first = experiments.launch(draft(), sources=[english], targets=[spanish])
    second = experiments.launch(draft(priority=1), sources=[english], targets=[spanish])

    assert set(first.runs.all()) == set(second.runs.all())
    assert set(first.runs.values_list("priority", flat=True)) == {1}


def test_a_less_urgent_experiment_slows_nothing_down(english, spanish):
    first = experiments.launch(draft(priority=1), sources=[english], targets=[spanish])
    experiments.launch(draft(priority=-1), sources=[english], targets=[spanish])

    assert set(first.runs.values_list("priority", flat=True)) == {1}


def test_a_shared_run_that_somebody_cancelled_starts_again_in_the_name_of_who_launched(english, spanish, now):
    first = experiments.launch(draft(), sources=[english], targets=[spanish])
    runs.cancel(first.runs.get(kind=Run.Kind.SAMPLE), now=now)

    second = experiments.launch(draft(), sources=[english], targets=[spanish])

    assert second.runs.get(kind=Run.Kind.SAMPLE).status == "queued"
    assert AuditEntry.objects.get(action="run.retried").actor == second.created_by


def test_selections_that_are_there_already_are_queued_to_the_annotators_at_once(english, spanish):
    first = experiments.launch(draft(), sources=[english], targets=[spanish])
    first.runs.update(status=Run.Status.SUCCEEDED)

    second = experiments.launch(draft(), sources=[english], targets=[spanish])

    assert second.study.status == "open"


def test_every_reason_is_told_at_once(english, spanish, vietnamese):
    sentences = refused(
        [english, vietnamese], [spanish, vietnamese], demonstrations="stories", policy="/nowhere"
    )

    assert [sentence.partition(":")[0] for sentence in sentences] == [
        'The data set "lines" has no preferences or ratings in Vietnamese to train on',
        'The data set "openings" has no prompts in Vietnamese in the split test',
        'The data set "stories" has no demonstrations in Vietnamese',
        "Nobody here is registered as a speaker of Vietnamese",
        "The base policy was not found",
    ]


def test_without_held_out_feedback_there_is_nothing_to_test_on(spanish):
    language = LanguageFactory(tag="en")
    lines = PromptSetFactory(dataset="lines", split="train", language=language)
    RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))

    (sentence,) = refused([language], [spanish])

    assert sentence.startswith('The data set "lines" has no preferences or ratings in the split test')


def test_a_data_set_that_is_not_here_is_told_once_and_where_to_import_it(english, spanish, vietnamese):
    sentences = refused([english, vietnamese], [spanish], feedback="seahorse")

    assert sentences == (
        'There is no data set "seahorse" for the task continuation here: import it under Data, or choose '
        "another.",
    )


def test_somebody_who_left_judges_nothing(english, spanish):
    spanish.speakers.update(is_active=False)

    (sentence,) = refused([english], [spanish])

    assert "add the language to somebody's profile" in sentence


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_directory_that_is_no_whole_checkpoint_is_refused(english, spanish, tmp_path, name):
    for file in {"config.json", "model.safetensors", "tokenizer.json"} - {name}:
        (tmp_path / file).write_text("{}")

    (sentence,) = refused([english], [spanish], backbone=str(tmp_path))

    assert sentence.startswith(f"The reward-model backbone was not found: {tmp_path} has no {name}")


def test_a_disk_without_room_is_refused(english, spanish, monkeypatch):
    monkeypatch.setattr(disk, "num_bytes", lambda source: 10**18)

    sentences = refused([english], [spanish])

    assert all("There is not enough disk space" in sentence for sentence in sentences)
    assert "name another place in POLYREWARD_ARTIFACTS" in sentences[0]
