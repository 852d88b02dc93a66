"""An admin steers an experiment over HTTP, on pages and by the API."""

import pytest

from annotate.models import Experiment
from tests.annotate.factories import ExperimentFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def experiment() -> Experiment:
    experiment = ExperimentFactory()
    RunFactory(status="queued").experiments.add(experiment)
    return experiment


@pytest.fixture
def admin(client, adam):
    client.force_login(adam)
    return client


def test_an_experiment_is_paused_and_resumed(admin, experiment):
    answer = admin.post(f"/experiments/{experiment.pk}/pause/", follow=True)
    experiment.refresh_from_db()
    assert experiment.paused_at
    assert "is paused" in answer.text

    admin.post(f"/experiments/{experiment.pk}/resume/")

    experiment.refresh_from_db()
    assert experiment.paused_at is None


def test_a_second_pause_is_refused_with_a_sentence(admin, experiment):
    admin.post(f"/experiments/{experiment.pk}/pause/")

    answer = admin.post(f"/experiments/{experiment.pk}/pause/")

    assert answer.status_code == 409
    assert "paused or cancelled already" in answer.text


def test_a_cancelled_experiment_says_what_goes_on(admin, experiment):
    shared = RunFactory(status="queued")
    shared.experiments.set([experiment, ExperimentFactory()])

    answer = admin.post(f"/experiments/{experiment.pk}/cancel/", follow=True)

    assert "with 1 run that had not ended. Another experiment needs 1 run" in answer.text


@pytest.mark.parametrize("value", ["", "7", "high"])
def test_an_unknown_priority_is_refused(admin, experiment, value):
    answer = admin.post(f"/experiments/{experiment.pk}/priority/", {"priority": value})

    assert answer.status_code == 400
    assert "low, normal or high" in answer.text


def test_the_priority_reaches_the_runs(admin, experiment):
    admin.post(f"/experiments/{experiment.pk}/priority/", {"priority": "1"})

    assert experiment.runs.get().priority == 1


def test_the_api_does_the_same(admin, experiment):
    address = f"/api/v1/experiments/{experiment.pk}"

    urgent = admin.post(f"{address}/priority/", {"priority": 1})
    paused = admin.post(f"{address}/pause/")
    again = admin.post(f"{address}/pause/")
    cancelled = admin.post(f"{address}/cancel/")

    read = admin.get(f"{address}/").json()
    assert (read["priority"], read["paused_at"]) == (1, None)
    assert read["cancelled_at"]
    assert [run["priority"] for run in admin.get(f"{address}/runs/").json()] == [1]
    assert urgent.json()["priority"] == 1
    assert paused.json()["paused_at"]
    assert (again.status_code, again.json()["code"]) == (409, "experiment_state")
    assert cancelled.json()["cancelled_at"]


@pytest.mark.parametrize(
    ("act", "there", "not_there"),
    [
        (None, ["Pause", "Cancel the experiment", "Normal priority"], ["Resume", "Start again"]),
        ("pause", ["Resume", "Cancel the experiment"], [">Pause<", "Start again"]),
        ("cancel", ["Start again where it left off"], [">Pause<", "Cancel the experiment"]),
    ],
)
def test_the_page_offers_an_admin_what_can_be_done_now(admin, experiment, act, there, not_there):
    if act:
        admin.post(f"/experiments/{experiment.pk}/{act}/")

    text = admin.get(f"/experiments/{experiment.pk}/").text

    assert [words for words in there if words not in text] == []
    assert [words for words in not_there if words in text] == []


def test_a_researcher_is_offered_nothing_of_it(client, rosa, experiment):
    client.force_login(rosa)

    assert f"/experiments/{experiment.pk}/pause/" not in client.get(f"/experiments/{experiment.pk}/").text


def test_an_experiment_that_has_ended_offers_nothing_of_it(admin, experiment):
    experiment.runs.update(status="succeeded")

    assert f"/experiments/{experiment.pk}/pause/" not in admin.get(f"/experiments/{experiment.pk}/").text
