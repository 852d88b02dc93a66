"""The pages of runs over HTTP: what a run's page shows, the points of its curves, the list and its filter."""

from datetime import timedelta

import pytest
from django.urls import reverse

from annotate.models import Artifact, Curve, Run
from tests.annotate.factories import AttemptFactory, ExperimentFactory, LanguageFactory, RunFactory

pytestmark = pytest.mark.django_db
DIGEST = "ab" * 32


@pytest.fixture
def as_rosa(client, rosa):
    client.force_login(rosa)
    return client


@pytest.fixture
def running(now) -> Run:
    """Half done in ten minutes."""
    run = RunFactory(
        status="running",
        attempt=1,
        heartbeat_at=now + timedelta(minutes=10),
        started_at=now,
        done=50,
        total=100,
        unit="prompts",
        target=LanguageFactory(tag="ar"),
        samples=[{"done": 49, "text": "الأولى"}, {"done": 50, "text": "الثانية"}],
        notes=["The batch was halved."],
        config={"seed": 7, "prompts": DIGEST},
        command="python -m alignment sample --seed 7",
        code_version="1.0 a1b2c3",
        worker="host:1",
    )
    AttemptFactory(run=run, started_at=now, device="H100", num_devices=2)
    Curve.objects.create(run=run, name="loss", steps=[10, 50], values=[0.5, 0.25])
    return run


def text_of(reply) -> str:
    """The page's words, with single spaces."""
    return " ".join(reply.content.decode().split())


@pytest.fixture
def page(as_rosa, running) -> str:
    return text_of(as_rosa.get(reverse("launch:run", args=[running.pk])))


def test_the_time_left_is_that_of_the_runs_own_pace(page):
    assert "About 10 min left" in page


def test_a_run_that_has_done_nothing_yet_has_no_time_left(as_rosa, running):
    running.attempts.update(done_before=50)

    page = text_of(as_rosa.get(reverse("launch:run", args=[running.pk])))

    assert "not measured yet" in page


def test_the_newest_responses_come_first_in_the_direction_of_their_language(page):
    assert page.index("الثانية") < page.index("الأولى")
    assert page.count('lang="ar" dir="rtl"') == 2


def test_what_is_said_while_a_model_is_prepared_is_no_response_in_the_target_language(as_rosa, running):
    Run.objects.update(unit="steps", samples=[{"done": 1, "text": "Converting the weights"}])

    page = text_of(as_rosa.get(reverse("launch:run", args=[running.pk])))

    assert "What it is doing" in page
    assert "Newest responses" not in page
    assert 'dir="auto">Converting the weights' in page


def test_each_curve_has_its_newest_values_as_text(page):
    assert "Loss" in page
    assert "<strong>0.25</strong>" in page
    assert page.index('<td class="number">0.25</td>') < page.index('<td class="number">0.5</td>')


def test_the_page_says_what_repeats_the_run(page):
    for part in ("python -m alignment sample --seed 7", DIGEST, "1.0 a1b2c3", "The batch was halved."):
        assert part in page


def test_what_the_parents_left_is_among_the_inputs(as_rosa, running):
    parent = RunFactory(title="SFT policy ar")
    running.parents.add(parent)
    Artifact.objects.create(run=parent, role="policy", name="policy", digest="cd" * 32, num_bytes=1)

    page = text_of(as_rosa.get(reverse("launch:run", args=[running.pk])))

    assert "policy of SFT policy ar" in page
    assert "cd" * 32 in page


def test_each_attempt_says_who_made_it_and_on_what(page):
    assert "host:1" in page
    assert "H100 × 2" in page
    assert "Under way" in page


def test_a_run_takes_as_many_queries_for_many_relatives(as_rosa, running, django_assert_max_num_queries):
    for number in range(2, 12):
        parent = RunFactory(status="succeeded")
        Artifact.objects.create(run=parent, role="pool", name="pool", digest="cd" * 32, num_bytes=1)
        running.parents.add(parent)
        RunFactory().parents.add(running)
        running.experiments.add(ExperimentFactory())
        AttemptFactory(run=running, number=number, outcome="lost", ended_at=running.heartbeat_at)
        Curve.objects.create(run=running, name=f"metric {number}", steps=[1], values=[1.0])

    with django_assert_max_num_queries(16):
        as_rosa.get(reverse("launch:run", args=[running.pk]))


def test_a_run_that_waits_says_why(as_rosa):
    run = RunFactory(status="queued")

    page = text_of(as_rosa.get(reverse("launch:run", args=[run.pk])))

    assert "No worker is alive" in page


def test_the_part_that_is_polled_ends_its_polling_with_the_run(as_rosa, running):
    address = reverse("launch:run", args=[running.pk])
    before = text_of(as_rosa.get(address, headers={"HX-Request": "true"}))
    Run.objects.update(status="succeeded")

    after = text_of(as_rosa.get(address, headers={"HX-Request": "true"}))

    assert (before.count("hx-get"), after.count("hx-get"), after.count("<html")) == (1, 0, 0)


def test_the_points_of_the_curves_are_sent_since_the_newest_that_a_page_has(as_rosa, running):
    address = reverse("launch:curves", args=[running.pk])

    first = as_rosa.get(address).json()
    then = as_rosa.get(address, {"after": 50, "attempt": 1}).json()

    assert (first["whole"], first["curves"][0]["steps"]) == (True, [10, 50])
    assert (then["whole"], then["curves"][0]["values"]) == (False, [0.25])


def test_points_that_have_not_changed_are_not_sent_again(as_rosa, running):
    address = reverse("launch:curves", args=[running.pk])
    tag = as_rosa.get(address)["ETag"]

    assert as_rosa.get(address, headers={"If-None-Match": tag}).status_code == 304
    Curve.objects.update(steps=[10, 60])
    assert as_rosa.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_a_step_that_is_no_number_is_refused_with_a_sentence(as_rosa, running):
    reply = as_rosa.get(reverse("launch:curves", args=[running.pk]), {"after": "soon"})

    assert reply.status_code == 400
    assert "after is a whole number" in text_of(reply)


@pytest.fixture
def several(running) -> list[Run]:
    """A running pool in ar, a failed reward model en of an experiment, rewards es ← en."""
    english, spanish = LanguageFactory(tag="en"), LanguageFactory(tag="es")
    failed = RunFactory(kind="reward_model", status="failed", error="x", source=english)
    failed.experiments.add(ExperimentFactory(pk=77))
    return [running, failed, RunFactory(kind="score", source=english, target=spanish)]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ({}, {0, 1, 2}),
        ({"state": "failed"}, {1}),
        ({"kind": "score"}, {2}),
        ({"experiment": 77}, {1}),
        ({"language": "en"}, {1, 2}),
        ({"language": "en", "kind": "score"}, {2}),
        ({"state": "nonsense"}, set()),
    ],
)
def test_the_list_shows_the_runs_that_were_asked_for(as_rosa, several, chosen, shown):
    reply = as_rosa.get(reverse("launch:runs"), chosen)

    assert {row.run for row in reply.context["rows"]} == {several[number] for number in shown}


def test_a_filter_that_cannot_be_meant_says_so(as_rosa):
    page = text_of(as_rosa.get(reverse("launch:runs"), {"state": "nonsense"}))

    assert "nonsense is not one of the available choices" in page


def test_the_pages_of_the_list_keep_the_filter(as_rosa):
    RunFactory.create_batch(51, status="queued")

    page = text_of(as_rosa.get(reverse("launch:runs"), {"state": "queued"}))

    assert 'href="?state=queued&amp;page=2"' in page


def test_the_list_shows_the_worker_and_the_time_left(as_rosa, running):
    page = text_of(as_rosa.get(reverse("launch:runs")))

    assert "about 10 min" in page
    assert "host:1" in page


def test_the_list_asks_as_often_for_one_run_as_for_many(as_rosa, several, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        as_rosa.get(reverse("launch:runs"))
    for run in RunFactory.create_batch(20, status="running", heartbeat_at=several[0].heartbeat_at):
        AttemptFactory(run=run)

    with django_assert_max_num_queries(8):
        as_rosa.get(reverse("launch:runs"))
