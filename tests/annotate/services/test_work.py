"""The work of an experiment: what is done, reused and stopped, in a fixed number of queries."""

import pytest

from annotate.services.work import work_of
from tests.annotate.factories import AttemptFactory, ExperimentFactory, LanguageFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def experiment():
    return ExperimentFactory()


def add(experiment, **fields):
    run = RunFactory(**fields)
    run.experiments.add(experiment)
    return run


def test_done_runs_are_counted_and_stopped_ones_named(experiment, now):
    add(experiment, status="succeeded")
    add(experiment)
    failed = add(experiment, status="failed", error="x")
    cancelled = add(experiment, status="cancelled")

    work = work_of(experiment, now=now)

    assert (work.num_succeeded, len(work.rows)) == (1, 4)
    assert (work.stopped, work.is_finished) == ([failed, cancelled], False)


def test_a_run_is_reused_from_the_experiment_that_asked_first(experiment, now):
    later, last = ExperimentFactory(), ExperimentFactory()
    shared, own = add(experiment, status="succeeded"), add(last)
    shared.experiments.add(later, last)

    works = [work_of(row, now=now) for row in (experiment, last)]

    assert [work.num_reused for work in works] == [0, 1]
    assert {row.run: row.reused_from for row in works[1].rows} == {shared: experiment, own: None}


def test_each_run_has_its_place_among_those_of_its_kind(experiment, now):
    source = LanguageFactory(tag="en")
    parent = add(experiment, kind="reward_model", source=source, status="succeeded")
    child = add(experiment, kind="accuracy", source=source, done=1, total=4)
    child.parents.add(parent)

    first, second = work_of(experiment, now=now).kinds

    assert (first.name, first.num_succeeded, second.name, second.num_succeeded) == (
        "Reward model",
        1,
        "Accuracy",
        0,
    )
    (drawn,) = second.runs
    assert (drawn.row.run, drawn.done_width) == (child, f"{drawn.cell.width / 4:g}")


def test_an_experiment_that_has_no_runs_is_finished(experiment, now):
    work = work_of(experiment, now=now)

    assert (work.rows, work.is_finished, work.remaining.seconds) == ([], True, 0)


def test_many_runs_take_a_fixed_number_of_queries(experiment, now, django_assert_num_queries):
    last = ExperimentFactory()
    for _ in range(20):
        parent = add(experiment, kind="sample", status="succeeded", num_units=4)
        AttemptFactory(run=parent, outcome="succeeded", ended_at=now)
        parent.experiments.add(last)
        run = add(last, kind="score", status="running", heartbeat_at=now, attempt=1, num_units=4)
        run.parents.add(parent)
        AttemptFactory(run=run)

    # runs, attempts, parents; who made them: two; workers; what was measured: two
    with django_assert_num_queries(8):
        work = work_of(last, now=now)
        assert [drawn.row.run.percent for kind in work.kinds for drawn in kind.runs] == [0] * 40
