"""News: who hears of what, and that nobody hears of it twice."""

from datetime import timedelta

import pytest
from django.db import connection

from alignment.artifacts import Stored
from annotate import broker
from annotate.models import Delivery, Notification, Run, User
from annotate.services import news, runs
from tests.annotate.factories import ExperimentFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db
ENDED = Notification.Event.EXPERIMENT_ENDED


@pytest.fixture
def experiment(adam):
    return ExperimentFactory(name="Warm lines", created_by=adam)


@pytest.fixture
def run_of(experiment, now):
    """Make a run of the experiment in some state."""

    def make(status, **fields):
        finished = {"finished_at": now} if status in Run.TERMINAL else {}
        reason = {"error": "broken", "error_kind": "user"} if status == "failed" else {}
        run = RunFactory(status=status, **finished | reason | fields)
        run.experiments.add(experiment)
        return run

    return make


def told(person) -> list[str]:
    return list(person.notifications.order_by("pk").values_list("text", flat=True))


def test_the_launcher_hears_that_an_experiment_can_be_judged(run_of, experiment, adam, now):
    run = run_of("succeeded")

    news.tell(run, now=now)

    notification = adam.notifications.get()
    assert (notification.text, notification.event) == ("Warm lines is ready to be judged.", ENDED)
    assert (notification.experiment, notification.created_at) == (experiment, now)


@pytest.mark.parametrize("status", ["queued", "running"])
def test_nothing_is_told_while_something_goes_on(run_of, status, adam, now):
    run = run_of("succeeded")
    run_of(status, heartbeat_at=now)

    news.tell(run, now=now)

    assert told(adam) == []


def test_nothing_is_told_while_a_run_is_about_to_be_queued(run_of, adam, now):
    run = run_of("succeeded")
    run_of("waiting").parents.add(run)

    news.tell(run, now=now)

    assert told(adam) == []


def test_an_experiment_ends_when_what_waits_can_never_go_on_and_the_news_says_which(run_of, adam, now):
    run_of("succeeded")
    failed = run_of("failed", title="rewards es")
    run_of("cancelled", title="accuracy en")
    child = run_of("waiting")
    child.parents.add(failed)
    run_of("waiting").parents.add(child)

    news.tell(failed, now=now)

    assert told(adam) == [
        "Rewards es failed: broken",
        "Warm lines ended: rewards es failed, accuracy en was cancelled; 2 runs wait for that.",
    ]


def test_many_broken_runs_are_counted(run_of, adam, now):
    for number in range(5):
        run = run_of("cancelled", title=f"run {number}")

    news.tell(run, now=now)

    assert told(adam)[-1].endswith("run 2 was cancelled and 2 more.")


def test_a_cancelled_experiment_is_told_as_such_though_others_need_its_runs(run_of, experiment, adam, now):
    run_of("running", heartbeat_at=now)
    experiment.cancelled_at = now
    experiment.save()

    news.tell_missed(now=now)

    assert told(adam) == ["Warm lines was cancelled."]


def test_a_fault_of_the_software_is_told_without_its_traceback(run_of, adam, now):
    run_of("queued")
    run = run_of("failed", title="pool es", error="Traceback (most recent …", error_kind="ours")

    news.tell(run, now=now)

    assert "Traceback" not in told(adam)[0]
    assert told(adam)[0].startswith("Pool es failed. Something broke")


def test_a_run_of_two_experiments_is_told_to_both_launchers(run_of, adam, now):
    other = ExperimentFactory()
    run = run_of("failed")
    run.experiments.add(other)

    news.tell(run, now=now)

    assert Notification.objects.filter(run=run).count() == 2
    assert other.created_by.notifications.filter(run=run).exists()


def test_whoever_wants_to_hears_of_all(run_of, rosa, now):
    UserFactory(news_of_all=True)  # an annotator, who may not read experiments
    UserFactory(role=User.Role.ADMIN, news_of_all=True, is_active=False)
    User.objects.filter(pk=rosa.pk).update(news_of_all=True)

    news.tell(run_of("succeeded"), now=now)

    assert told(rosa) == ["Warm lines is ready to be judged."]
    assert Notification.objects.count() == 2


def test_the_same_end_is_told_once(run_of, adam, now):
    first, second = run_of("succeeded"), run_of("succeeded")

    news.tell(first, now=now)
    news.tell(second, now=now)
    news.tell_missed(now=now)

    assert len(told(adam)) == 1


def test_of_two_workers_that_end_an_experiment_at_the_same_moment_one_tells(run_of, adam, now):
    """The rival tells after this worker has found that nobody has told, and before it tells."""
    adam.webhook = "https://example.org/"
    adam.save()
    run = run_of("succeeded")
    rivals = [run]

    def let_the_rival_act(execute, sql, *rest):
        if sql.startswith("INSERT") and "annotate_notification" in sql and rivals:
            news.tell(rivals.pop(), now=now)
        return execute(sql, *rest)

    with connection.execute_wrapper(let_the_rival_act):
        news.tell(run, now=now)

    assert rivals == []
    assert len(told(adam)) == 1
    assert Delivery.objects.count() == 1


def test_an_experiment_that_ends_again_after_a_retry_is_told_again(run_of, adam, now):
    run = run_of("cancelled")
    news.tell(run, now=now)
    later = now + timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=later)

    news.tell(run, now=later)

    assert len(told(adam)) == 2


def test_a_retry_that_only_waits_is_no_new_end(run_of, adam, now):
    parent = run_of("cancelled")
    child = run_of("cancelled", finished_at=now + timedelta(minutes=1))
    child.parents.add(parent)
    news.tell(child, now=now + timedelta(minutes=1))
    Run.objects.filter(pk=child.pk).reset()

    news.tell_missed(now=now + timedelta(minutes=2))

    assert len(told(adam)) == 1


def test_a_run_that_fails_again_is_told_again(run_of, adam, now):
    run_of("queued")
    run = run_of("failed", attempt=1)
    news.tell(run, now=now)
    later = now + timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(attempt=2, finished_at=later)

    news.tell(run, now=later)

    assert len(told(adam)) == 2


def test_what_a_dead_worker_did_not_tell_is_told_by_the_next_sweep(run_of, adam, now):
    run_of("failed")

    news.tell_missed(now=now + timedelta(minutes=1))

    assert len(told(adam)) == 2


def test_what_ended_long_ago_is_no_news(run_of, adam, now):
    run_of("failed")

    news.tell_missed(now=now + timedelta(days=2))

    assert told(adam) == []


def test_news_leaves_by_the_ways_that_its_reader_chose(run_of, adam, settings, now):
    settings.EMAIL_AVAILABLE = True
    adam.email, adam.news_by_email, adam.webhook = "adam@example.org", True, "https://example.org/hook"
    adam.save()

    news.tell(run_of("succeeded"), now=now)

    assert set(Delivery.objects.values_list("channel", "address", "due_at")) == {
        ("email", "adam@example.org", now),
        ("webhook", "https://example.org/hook", now),
    }


@pytest.mark.parametrize("missing", ["server", "address", "wish"])
def test_no_e_mail_leaves_without_a_server_an_address_and_a_wish(run_of, adam, settings, missing, now):
    settings.EMAIL_AVAILABLE = missing != "server"
    adam.email = "" if missing == "address" else "adam@example.org"
    adam.news_by_email = missing != "wish"
    adam.save()

    news.tell(run_of("succeeded"), now=now)

    assert not Delivery.objects.exists()


@pytest.fixture
def held(run_of, now, monkeypatch):
    """A run of the experiment that a worker has."""
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)
    return Run.objects.claim(run_of("queued", total=4).pk, worker="w", now=now)


def finish(run, now):
    artifact = runs.NewArtifact("pool", "pool.jsonl", Stored("ab" * 32, 5))
    runs.finish(run, artifact=artifact, result={}, record=lambda: None, now=now)


def lose_the_last_attempt(run, now):
    Run.objects.update(attempts_left=0)
    runs.try_again(run, error="Out of memory.", now=now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("end", "num_told"),
    [
        (finish, 1),
        (lambda run, now: runs.fail(run, error="no", kind=Run.ErrorKind.USER, now=now), 2),
        (lose_the_last_attempt, 2),
        (lambda run, now: runs.cancel(run, now=now), 1),
    ],
    ids=["success", "failure", "last attempt", "cancelled"],
)
def test_whatever_ends_a_run_is_told_at_once(held, adam, end, num_told, now):
    end(held, now)

    assert len(told(adam)) == num_told


@pytest.mark.django_db(transaction=True)
def test_news_that_cannot_be_told_leaves_the_run_finished(held, adam, monkeypatch, now, caplog):
    def broken(run, *, now):
        raise LookupError

    monkeypatch.setattr(news, "tell", broken)

    finish(held, now)

    held.refresh_from_db()
    assert held.status == "succeeded"
