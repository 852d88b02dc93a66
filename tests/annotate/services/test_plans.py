"""The plan before the launch: what is new, what is shared, what it takes; and nothing is written."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from alignment.artifacts import ArtifactStore
from annotate import broker
from annotate.models import Artifact, Attempt, AuditEntry, Experiment, Run
from annotate.services import experiments, runs
from annotate.services.plans import preview
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
def quiet(monkeypatch, settings, tmp_path):
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)
    settings.ARTIFACTS = tmp_path / "artifacts"
    settings.ARTIFACTS.mkdir()


@pytest.fixture
def sources():
    """Two languages with feedback."""
    return [with_feedback(tag) for tag in ("en", "de")]


@pytest.fixture
def targets():
    """Spanish with three prompts, Turkish with one; somebody speaks each."""
    return [with_prompts("es", 3), with_prompts("tr", 1)]


def with_feedback(tag: str):
    language = LanguageFactory(tag=tag)
    for split in ("train", "test"):
        lines = PromptSetFactory(dataset="lines", split=split, language=language)
        RatingFactory(response__prompt=PromptFactory(prompt_set=lines, text=""))
    return language


def with_prompts(tag: str, number: int):
    language = LanguageFactory(tag=tag)
    openings = PromptSetFactory(language=language)
    stories = PromptSetFactory(dataset="stories", split="train", language=language)
    for _ in range(number):
        PromptFactory(prompt_set=openings)
    ResponseFactory(prompt=PromptFactory(prompt_set=stories), system=ImportedSystemFactory(language=language))
    ProficiencyFactory(language=language)
    return language


@pytest.fixture
def draft():
    return ExperimentFactory.build(
        **MODELS, n=4, votes_wanted=2, demonstrations="stories", created_by=UserFactory(role="admin")
    )


def again(draft) -> Experiment:
    """The same experiment once more."""
    copied = copy.copy(draft)
    copied.pk = None
    return copied


def sentences(found) -> dict[str, str]:
    return {standing.planned.title: standing.sentence for standing in found.existing}


def test_the_plan_tells_the_runs_by_kind(draft, sources, targets):
    found = preview(draft, sources=sources, targets=targets)

    assert {kind.name: (kind.num_runs, kind.num_worked_on) for kind in found.kinds} == {
        "reward model": (2, 2),
        "SFT policy": (2, 2),
        "response pool": (2, 2),
        "accuracy": (2, 2),
        "rewards": (4, 4),
        "best-of-n": (4, 4),
    }
    assert (found.num_runs, found.existing, found.refusals) == (16, [], [])


def test_nothing_is_written(draft, sources, targets, settings):
    before = Run.objects.count()

    preview(draft, sources=sources, targets=targets)

    assert not Experiment.objects.exists()
    assert Run.objects.count() == before
    assert list(settings.ARTIFACTS.iterdir()) == []


def test_what_is_planned_is_what_is_launched(draft, sources, targets):
    found = preview(draft, sources=sources, targets=targets)

    experiment = experiments.launch(draft, sources=sources, targets=targets)

    planned = {standing.planned.identity for kind in found.kinds for standing in kind.standings}
    assert planned == set(experiment.runs.values_list("identity", flat=True))


def test_what_another_experiment_made_is_reused_by_name(draft, sources, targets):
    draft.name = "Warm lines"
    first = experiments.launch(draft, sources=sources[:1], targets=targets)
    first.runs.update(status=Run.Status.SUCCEEDED)

    found = preview(again(draft), sources=sources, targets=targets)

    kinds = {kind.name: (kind.num_worked_on, kind.num_shared) for kind in found.kinds}
    assert kinds["reward model"] == (1, 1)
    assert kinds["response pool"] == (0, 2)
    assert found.num_responses == 0
    assert sentences(found)["response pool es"] == f"reused from experiment {first.pk} (Warm lines)"


def test_what_is_under_way_is_joined(draft, sources, targets):
    first = experiments.launch(draft, sources=sources, targets=targets)

    found = preview(again(draft), sources=sources, targets=targets)

    assert found.num_worked_on == 0
    assert set(sentences(found).values()) == {f"already under way for experiment {first.pk} ({first.name})"}


def test_what_failed_starts_again(draft, sources, targets):
    first = experiments.launch(draft, sources=sources, targets=targets)
    first.runs.filter(kind=Run.Kind.SFT).update(status=Run.Status.FAILED, error="no memory")

    found = preview(again(draft), sources=sources, targets=targets)

    assert sentences(found)["SFT policy es"].startswith(f"failed for experiment {first.pk}")
    assert found.num_worked_on == 2


@pytest.mark.parametrize("whole", [True, False])
def test_who_cancelled_a_shared_run_is_told_before_it_starts_again(draft, sources, targets, whole):
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    luise = UserFactory(username="luise")
    first = experiments.launch(draft, sources=sources, targets=targets)
    pool = first.runs.get(title="response pool es")
    if whole:
        Run.objects.filter(pk=pool.pk).cancel(now=moment)
        AuditEntry.objects.create(
            actor=luise, action="experiment.cancelled", subject_kind="experiment", subject_id=first.pk
        )
    else:
        runs.cancel(pool, by=luise, now=moment)

    found = preview(again(draft), sources=sources, targets=targets)

    told = sentences(found)["response pool es"]
    assert told == "cancelled by luise on 01 Mar 2026; it would start again"
    assert found.num_worked_on == 1


def test_each_language_is_told_its_responses_comparisons_votes_and_people(draft, sources, targets):
    spanish, turkish = preview(draft, sources=sources, targets=targets).panels

    assert (spanish.num_prompts, spanish.num_responses) == (3, 15)
    assert (spanish.num_comparisons, spanish.num_votes) == (6, 12)
    assert (turkish.num_comparisons, turkish.num_votes) == (2, 4)
    assert (spanish.num_speakers, turkish.num_speakers) == (1, 1)


def test_the_responses_to_sample_are_those_of_every_new_pool(draft, sources, targets):
    assert preview(draft, sources=sources, targets=targets).num_responses == 15 + 5


def test_too_few_prompts_ask_for_more_votes_by_other_people(draft, sources, targets):
    draft.half_width = 0.1

    spanish, _ = preview(draft, sources=sources, targets=targets).panels

    assert (spanish.prompts_needed, spanish.num_annotators, spanish.num_missing) == (97, 33, 32)
    assert not spanish.is_wide_enough
    assert spanish.half_width == pytest.approx(0.566, abs=0.001)


def test_prompts_enough_need_no_more_people_than_votes_are_wanted(draft, sources, targets):
    draft.half_width = 0.5
    for _ in range(4):
        PromptFactory(prompt_set__language=targets[0])

    spanish, _ = preview(draft, sources=sources, targets=targets).panels

    assert spanish.is_wide_enough
    assert spanish.num_annotators == 2


def test_hours_rest_on_what_was_measured_and_say_what_was_not(draft, sources, targets, now):
    run = Run.objects.create(kind="sample", identity="1" * 64, num_units=20, config={"policy": draft.policy})
    ended = now + timedelta(seconds=40)
    Attempt.objects.create(
        run=run, number=1, worker="w", started_at=now, ended_at=ended, outcome=Attempt.Outcome.SUCCEEDED
    )

    found = preview(draft, sources=sources, targets=targets)

    assert found.seconds == 40  # 20 responses in two pools, 2 seconds each
    assert found.not_measured == ["reward model", "SFT policy", "accuracy", "rewards", "best-of-n"]
    pools = next(kind for kind in found.kinds if kind.name == "response pool")
    assert pools.basis == "Measured in 1 attempt with the same model on the CPU."


def test_what_is_reused_takes_no_time(draft, sources, targets):
    first = experiments.launch(draft, sources=sources, targets=targets)
    first.runs.update(status=Run.Status.SUCCEEDED)

    found = preview(again(draft), sources=sources, targets=targets)

    assert (found.seconds, found.not_measured, found.disk.num_bytes) == (0, [], 0)


def left_behind(kind: str, num_bytes: int, **config) -> None:
    run = Run.objects.create(kind=kind, identity=kind[:1] * 64, num_units=10, config=config)
    Artifact.objects.create(run=run, role="it", name="it", digest="a" * 64, num_bytes=num_bytes)


def test_room_is_measured_on_the_artifacts_of_past_runs(draft, sources, targets):
    left_behind("sample", 1000, policy=draft.policy)
    left_behind("reward_model", 500, backbone=draft.backbone)

    disk = preview(draft, sources=sources, targets=targets).disk

    assert disk.by_kind["sample"] == 20 * 100
    assert disk.by_kind["reward_model"] == 500  # the frozen backbone lies in the store once
    assert disk.by_kind["sft"] is None
    assert (disk.num_bytes, disk.largest) == (2500, 1500)


def test_reward_models_that_are_trained_whole_share_nothing(draft, sources, targets):
    left_behind("reward_model", 500, backbone=draft.backbone)
    draft.method = "full"

    assert preview(draft, sources=sources, targets=targets).disk.by_kind["reward_model"] == 1000


def test_a_plan_that_cannot_be_launched_is_shown_with_the_reasons(draft, sources, targets):
    found = preview(draft, sources=sources, targets=[*targets, LanguageFactory(tag="vi")])

    assert len(found.refusals) == 3
    assert found.num_runs == 2 + 3 + 3 + 2 + 6 + 6


def test_the_number_of_queries_does_not_grow_with_the_runs(
    draft, sources, targets, django_assert_max_num_queries
):
    experiments.launch(draft, sources=sources, targets=targets)
    preview(again(draft), sources=sources, targets=targets)

    with django_assert_max_num_queries(50):
        found = preview(again(draft), sources=sources, targets=targets)

    assert found.num_runs == 16


def test_the_store_is_not_even_asked(draft, sources, targets, monkeypatch):
    monkeypatch.setattr(ArtifactStore, "put_lines", None)

    assert preview(draft, sources=sources, targets=targets).num_runs == 16
