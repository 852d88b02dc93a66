"""What an experiment stands on: measured without a trace, frozen in the same bytes."""

import pytest

from alignment.artifacts import ArtifactStore
from annotate.models import PromptSet
from annotate.services.freezing import (
    TRAINING,
    Wanted,
    demonstrations_wanted,
    feedback_wanted,
    freeze,
    heldout_wanted,
    measure,
    plan_of,
    prompts_wanted,
)
from tests.annotate.factories import (
    ExperimentFactory,
    ImportedSystemFactory,
    LanguageFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(tmp_path, settings):
    settings.ARTIFACTS = tmp_path / "artifacts"
    return ArtifactStore(settings.ARTIFACTS)


@pytest.fixture
def experiment(store):
    """Spanish ratings to train and to test on, two Spanish prompts and one demonstration."""
    for split in ("train", "test"):
        rated(split)
    for text in ("Aquella noche", "El mar"):
        PromptFactory(prompt_set=PromptSetFactory(), text=text)
    stories = PromptSetFactory(dataset="stories", split="train")
    ResponseFactory(prompt=PromptFactory(prompt_set=stories), system=ImportedSystemFactory())
    return ExperimentFactory(demonstrations="stories", num_prompts=24)


def rated(split: str, tag: str = "es") -> None:
    lines = PromptSetFactory(dataset="lines", split=split, language=LanguageFactory(tag=tag))
    RatingFactory(response__prompt=lines.prompts.first() or PromptFactory(prompt_set=lines, text=""))


def everything(experiment):
    return {
        "feedback": feedback_wanted(experiment, ["es"], TRAINING),
        "heldout": heldout_wanted(experiment),
        "prompts": prompts_wanted(experiment, "es"),
        "demonstrations": demonstrations_wanted(experiment, "es"),
    }


def test_what_is_measured_is_what_is_frozen(experiment, store):
    for wanted in everything(experiment).values():
        measured, frozen = measure(wanted), freeze(wanted)

        assert measured == frozen
        assert len(store.path(frozen.digest).read_text().splitlines()) == frozen.num_records > 0


def test_measuring_leaves_nothing_behind(experiment, store):
    plan_of(experiment, ["es"], ["es"], measure)

    assert not store.root.exists()


def test_newer_evidence_is_seen_at_once(experiment):
    wanted = everything(experiment)
    before = {name: measure(one).num_records for name, one in wanted.items()}

    rated("train")
    PromptFactory(prompt_set=PromptSet.objects.get(dataset="openings"))

    after = {name: measure(one).num_records for name, one in wanted.items()}
    assert {name: after[name] - before[name] for name in wanted} == {
        "feedback": 1,
        "heldout": 0,
        "prompts": 1,
        "demonstrations": 0,
    }


def test_the_same_data_is_read_once(experiment):
    readings = []
    wanted = Wanted("prompts.jsonl", lambda: readings.append("once") or [], ())

    for _ in range(3):
        measure(wanted)

    assert readings == ["once"]


def test_held_out_feedback_is_that_of_every_language(experiment):
    rated("test", "tr")

    assert measure(heldout_wanted(experiment)).num_records == 2


def test_without_demonstrations_the_base_policy_is_used_as_it_is(experiment):
    experiment.demonstrations = ""

    assert plan_of(experiment, ["es"], ["es"], measure).demonstrations == {}


def test_what_is_missing_has_no_records_and_can_still_be_planned(experiment):
    plan = plan_of(experiment, ["tr"], ["vi"], measure)

    assert (plan.feedback["tr"].num_records, plan.prompts["vi"].num_records) == (0, 0)
