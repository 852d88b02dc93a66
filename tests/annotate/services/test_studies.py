import pytest

from annotate.models import Assignment, Comparison, Judge, Judgment, Run, Study
from annotate.services.studies import IDENTICAL_TEXTS, extend_studies, extend_study
from tests.annotate.factories import (
    BestOfNSystemFactory,
    ExperimentFactory,
    PromptFactory,
    ResponseFactory,
    UnalignedSystemFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def selection() -> Run:
    """A best-of-n run that chose for three prompts, and for the third the same text as the unaligned one."""
    unaligned, aligned = UnalignedSystemFactory(), BestOfNSystemFactory()
    aligned.run.parents.add(unaligned.run)
    for texts in (("a", "b"), ("c", "d"), ("same", "same")):
        prompt = PromptFactory()
        for system, text in zip((aligned, unaligned), texts, strict=True):
            ResponseFactory(prompt=prompt, system=system, text=text)
    return aligned.run


def test_the_chosen_response_is_first_and_the_unaligned_one_second(selection):
    study = extend_study(ExperimentFactory(), selection)

    pairs = set(study.comparisons.values_list("first__text", "second__text"))
    assert pairs == {("a", "b"), ("c", "d"), ("same", "same")}


def test_equal_texts_are_a_tie_without_asking_anyone(selection):
    study = extend_study(ExperimentFactory(votes_wanted=2), selection)

    tie = Judgment.objects.get()
    assert tie.comparison == study.comparisons.get(identical=True)
    assert (tie.points, tie.judge.kind, tie.judge.name) == (1, Judge.Kind.RULE, IDENTICAL_TEXTS)
    assert not tie.comparison.assignments.exists()
    assert Assignment.objects.count() == 4


def test_extending_twice_adds_nothing(selection):
    experiment = ExperimentFactory()
    extend_study(experiment, selection)

    extend_study(experiment, selection)

    assert Comparison.objects.count() == 3
    assert Assignment.objects.count() == 2
    assert Judgment.objects.count() == 1


def test_every_experiment_that_shares_the_run_has_its_own_study(selection):
    selection.experiments.set([ExperimentFactory(), ExperimentFactory()])

    extend_studies(selection)

    assert [study.comparisons.count() for study in Study.objects.all()] == [3, 3]


def test_the_study_is_open_and_takes_votes_and_task_from_its_experiment(selection):
    experiment = ExperimentFactory(votes_wanted=3)

    study = extend_study(experiment, selection)

    assert (study.status, study.purpose) == (Study.Status.OPEN, Study.Purpose.EVALUATE)
    assert (study.votes_wanted, study.task) == (3, experiment.task)


def test_order_and_sides_follow_the_experiments_seed(selection):
    def drawn(seed: int) -> list[tuple[str, int, bool]]:
        study = extend_study(ExperimentFactory(seed=seed), selection)
        seats = Assignment.objects.filter(comparison__study=study).order_by("comparison__first__text")
        return list(seats.values_list("comparison__first__text", "comparison__position", "swapped"))

    assert drawn(seed=1) == drawn(seed=1)
    assert drawn(seed=1) != drawn(seed=2)
