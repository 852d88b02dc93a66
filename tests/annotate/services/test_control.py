"""An admin steers a whole experiment, and nothing that another one needs."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connection, transaction

from annotate import broker
from annotate.errors import ExperimentStateError
from annotate.models import Attempt, AuditEntry, Experiment, Run
from annotate.services import control, runs
from annotate.services.claims import claim_next
from tests.annotate.factories import ExperimentFactory, RunFactory, WorkerFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def announced(monkeypatch):
    """The ids that were rung for, in order."""
    ids = []
    monkeypatch.setattr(broker, "announce", lambda run_ids: ids.extend(run_ids))
    monkeypatch.setattr(broker, "announce_forgotten", lambda takeable: None)
    return ids


@pytest.fixture
def experiment() -> Experiment:
    return ExperimentFactory()


@pytest.fixture
def other() -> Experiment:
    return ExperimentFactory()


def run_of(*experiments, **fields):
    run = RunFactory(**{"status": "queued"} | fields)
    run.experiments.set(experiments)
    return run


def status_of(run):
    run.refresh_from_db()
    return run.status


def test_what_only_a_paused_experiment_needs_is_not_started(experiment, adam, now):
    run_of(experiment)

    control.pause(experiment, by=adam, now=now)

    assert claim_next(WorkerFactory(), now=now) is None


def test_what_another_experiment_needs_is_started_all_the_same(experiment, other, adam, now):
    shared = run_of(experiment, other)

    control.pause(experiment, by=adam, now=now)

    assert claim_next(WorkerFactory(), now=now) == shared


def test_what_two_paused_experiments_need_waits_for_the_first_that_goes_on(experiment, other, adam, now):
    shared = run_of(experiment, other)
    control.pause(experiment, by=adam, now=now)
    control.pause(other, by=adam, now=now)
    assert claim_next(WorkerFactory(), now=now) is None

    control.resume(other, by=adam)

    assert claim_next(WorkerFactory(), now=now) == shared


def test_a_pause_gives_back_what_is_under_way_and_costs_no_attempt(experiment, adam, now):
    run_of(experiment)
    run = claim_next(WorkerFactory(), now=now)

    control.pause(experiment, by=adam, now=now)

    assert status_of(run) == "queued"
    assert run.attempts_left == Run.MAX_ATTEMPTS
    assert run.attempts.get().outcome == Attempt.Outcome.GIVEN_BACK


def test_a_pause_spares_what_another_experiment_has_under_way(experiment, other, adam, now):
    run_of(experiment, other)
    run = claim_next(WorkerFactory(), now=now)

    control.pause(experiment, by=adam, now=now)

    assert status_of(run) == "running"


def test_a_claim_that_came_during_a_pause_is_given_back_by_the_sweep(experiment, adam, now):
    """The claim read "not paused" before the pause was committed, and was committed after it."""
    run_of(experiment)
    run = claim_next(WorkerFactory(), now=now)
    Experiment.objects.update(paused_at=now)

    runs.recover(silent_since=now, now=now)

    assert (status_of(run), run.attempts_left) == ("queued", Run.MAX_ATTEMPTS)


def test_a_resume_rings_for_what_waits(experiment, adam, now, announced):
    run = run_of(experiment)
    control.pause(experiment, by=adam, now=now)

    control.resume(experiment, by=adam)

    assert announced == [run.pk]


def test_only_what_goes_on_can_be_paused_and_only_what_does_not_resumed(experiment, adam, now):
    run_of(experiment)
    with pytest.raises(ExperimentStateError, match="not paused"):
        control.resume(experiment, by=adam)
    control.pause(experiment, by=adam, now=now)

    with pytest.raises(ExperimentStateError, match="already"):
        control.pause(experiment, by=adam, now=now)


def test_an_experiment_that_has_ended_cannot_be_paused_or_cancelled(experiment, adam, now):
    run_of(experiment, status="succeeded")

    for act in (control.pause, control.cancel):
        with pytest.raises(ExperimentStateError, match="nothing to"):
            act(experiment, by=adam, now=now)


def test_cancelling_ends_every_unfinished_run_and_no_other(experiment, adam, now):
    running = run_of(experiment)
    claim_next(WorkerFactory(), now=now)
    ended = [run_of(experiment, status=status) for status in ("waiting", "queued")] + [running]
    kept = [run_of(experiment, status="succeeded"), run_of(ExperimentFactory())]

    num_cancelled = control.cancel(experiment, by=adam, now=now)

    assert [status_of(run) for run in ended] == ["cancelled"] * num_cancelled
    assert [status_of(run) for run in kept] == ["succeeded", "queued"]
    assert running.attempts.get().outcome == Attempt.Outcome.CANCELLED


def test_cancelling_spares_what_another_experiment_needs(experiment, other, adam, now):
    shared = run_of(experiment, other)

    assert control.cancel(experiment, by=adam, now=now) == 0
    assert status_of(shared) == "queued"


@pytest.fixture
def meanwhile():
    """Do something in a transaction on another connection, which is not committed for a while."""

    def begin(act):
        done = Event()

        def hold():
            with transaction.atomic():
                act()
                done.set()
                time.sleep(0.5)
            connection.close()

        held = pool.submit(hold)
        assert done.wait(10)
        return held

    with ThreadPoolExecutor() as pool:
        yield begin


def test_cancelling_spares_what_a_launch_is_about_to_need(experiment, other, adam, now, meanwhile):
    shared = run_of(experiment)
    launch = meanwhile(lambda: Run.objects.select_for_update().get(pk=shared.pk).experiments.add(other))

    control.cancel(experiment, by=adam, now=now)

    launch.result()
    assert status_of(shared) == "queued"


def test_two_experiments_that_are_cancelled_at_once_spare_nothing_for_each_other(
    experiment, other, adam, now, meanwhile
):
    shared = run_of(experiment, other)
    first = meanwhile(lambda: control.cancel(other, by=adam, now=now))

    control.cancel(experiment, by=adam, now=now)

    first.result()
    assert status_of(shared) == "cancelled"


def test_two_cancelled_experiments_keep_nothing_alive(experiment, other, adam, now):
    shared = run_of(experiment, other)
    control.cancel(other, by=adam, now=now)

    control.cancel(experiment, by=adam, now=now)

    assert status_of(shared) == "cancelled"


def test_what_a_paused_experiment_needs_waits_with_it_when_the_other_is_cancelled(
    experiment, other, adam, now
):
    shared = run_of(experiment, other)
    control.pause(other, by=adam, now=now)
    claim_next(WorkerFactory(), now=now)

    control.cancel(experiment, by=adam, now=now)

    assert status_of(shared) == "queued"
    assert shared.attempts.get().outcome == Attempt.Outcome.GIVEN_BACK
    assert claim_next(WorkerFactory(), now=now) is None
    control.resume(other, by=adam)
    assert claim_next(WorkerFactory(), now=now) == shared


def test_a_cancelled_experiment_makes_nothing_urgent(experiment, other, adam, now):
    shared = run_of(experiment, other)
    control.set_priority(experiment, Experiment.Priority.HIGH, by=adam)

    control.cancel(experiment, by=adam, now=now)

    shared.refresh_from_db()
    assert shared.priority == Experiment.Priority.NORMAL


def test_a_cancelled_experiment_does_not_start_what_a_paused_one_waits_with(experiment, other, adam, now):
    run_of(experiment, other)
    control.cancel(experiment, by=adam, now=now)

    control.pause(other, by=adam, now=now)

    assert claim_next(WorkerFactory(), now=now) is None


def test_a_single_run_of_a_cancelled_experiment_can_be_retried(experiment, adam, now):
    run = run_of(experiment)
    control.cancel(experiment, by=adam, now=now)

    runs.retry(run)

    assert claim_next(WorkerFactory(), now=now) == run


def test_a_cancelled_experiment_that_is_resumed_starts_its_cancelled_runs_again(experiment, adam, now):
    run, failed = run_of(experiment), run_of(experiment, status="failed", error="broken")
    control.cancel(experiment, by=adam, now=now)

    control.resume(experiment, by=adam)

    experiment.refresh_from_db()
    assert experiment.cancelled_at is None
    assert (status_of(run), status_of(failed)) == ("queued", "failed")


def test_a_paused_experiment_can_be_cancelled(experiment, adam, now):
    run = run_of(experiment)
    control.pause(experiment, by=adam, now=now)

    control.cancel(experiment, by=adam, now=now)

    experiment.refresh_from_db()
    assert (status_of(run), experiment.paused_at) == ("cancelled", None)


def test_a_run_is_as_urgent_as_the_most_urgent_of_its_experiments(experiment, other, adam):
    alone, shared = run_of(experiment), run_of(experiment, other)

    control.set_priority(other, Experiment.Priority.HIGH, by=adam)
    control.set_priority(experiment, Experiment.Priority.LOW, by=adam)

    alone.refresh_from_db()
    shared.refresh_from_db()
    assert (alone.priority, shared.priority) == (-1, 1)


def test_a_new_priority_changes_the_order_of_what_waits(experiment, other, adam, now):
    first, second = run_of(experiment), run_of(other)

    control.set_priority(other, Experiment.Priority.HIGH, by=adam)

    assert [claim_next(WorkerFactory(), now=now) for _ in range(2)] == [second, first]


def test_each_act_is_in_the_audit_trail(experiment, adam, now):
    run_of(experiment)

    control.pause(experiment, by=adam, now=now)
    control.resume(experiment, by=adam)
    control.set_priority(experiment, Experiment.Priority.HIGH, by=adam)
    control.cancel(experiment, by=adam, now=now)

    entries = AuditEntry.objects.order_by("pk").values_list("actor", "action", "subject_id", "detail")
    assert list(entries) == [
        (adam.pk, "experiment.paused", str(experiment.pk), {}),
        (adam.pk, "experiment.resumed", str(experiment.pk), {}),
        (adam.pk, "experiment.priority_changed", str(experiment.pk), {"priority": "High"}),
        (adam.pk, "experiment.cancelled", str(experiment.pk), {"runs": 1}),
    ]
