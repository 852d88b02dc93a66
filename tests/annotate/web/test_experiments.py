"""A researcher's pages over HTTP: both answers, every judged example, and the files."""

import csv
import json
from datetime import timedelta

import pytest
from django.urls import reverse

from annotate.models import Experiment, Language, Run
from tests.annotate.factories import AttemptFactory, ExperimentFactory, JudgmentFactory, RunFactory

pytestmark = pytest.mark.django_db
SHARE = {
    "confidence": 0.95,
    "variance": 0.01,
    "num_prompts": 50,
    "num_examples": 50,
    "method": "Wilson interval",
}
GAINED = {"p_value": 0.01, "num_gained": 9, "num_lost": 1, "num_prompts": 50, "num_examples": 50}
REPORT = {
    "groups": [
        {
            "language": "es",
            "feedback": "pairs",
            "num_examples": 50,
            "accuracy": {"estimate": 0.667, "low": 0.527, "high": 0.783, **SHARE},
            "baselines": {
                "longer_wins": {
                    "accuracy": {"estimate": 0.5, "low": 0.366, "high": 0.634, **SHARE},
                    "advantage": {
                        **GAINED,
                        "difference": 0.167,
                        "low": 0.031,
                        "high": 0.294,
                        "confidence": 0.95,
                        "method": "score test",
                    },
                }
            },
        }
    ]
}


@pytest.fixture
def as_rosa(client, rosa):
    client.force_login(rosa)
    return client


def text_of(reply) -> str:
    """The page's words, with single spaces."""
    return " ".join(reply.content.decode().replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture
def page(as_rosa, experiment) -> str:
    for tag, name in (("en", "English"), ("es", "Spanish")):
        Language.objects.filter(pk=tag).update(english_name=name)
    run = RunFactory(kind=Run.Kind.ACCURACY, source_id="en", status="succeeded", result=REPORT)
    run.experiments.add(experiment)
    return text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))


def test_each_cell_shows_win_rate_interval_prompts_and_judgments(page, experiment):
    assert "60.0 %" in page
    assert "5 prompts, 5 judgments" in page
    assert reverse("researcher:cell", args=[experiment.pk, "en", "es"]) in page


def test_a_cell_nobody_could_judge_says_so(page):
    assert "No comparisons yet" in page


def test_the_page_answers_whether_the_aligned_response_is_preferred(page):
    assert (
        "The aligned response is preferred, beyond chance, in 0 of 2 cells; in 1 the interval contains 50 %; "
        "1 is not judged yet."
    ) in page


def test_the_page_answers_whether_the_reward_model_beats_the_baselines(page):
    assert (
        "On held-out pairs, the English reward model is better than every baseline, beyond chance, "
        "in 1 of 1 language: Spanish."
    ) in page


def test_a_baseline_is_named_once_with_its_accuracy_and_the_advantage(page):
    assert page.count("Longer response wins") == 1
    assert "+16.7" in page
    assert "(3.1 to 29.4)" in page
    assert "AUC" not in page


def test_both_bad_can_be_left_out_of_the_page(as_rosa, experiment):
    reply = as_rosa.get(reverse("researcher:experiment", args=[experiment.pk]), {"both_bad": "left out"})

    assert "62.5 %" in text_of(reply)


def test_an_experiment_without_results_says_what_it_waits_for(as_rosa, db):
    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[ExperimentFactory().pk])))

    assert "Nobody has judged yet." in page
    assert "The accuracy runs have not finished yet." in page


def test_the_list_shows_each_experiment(as_rosa, experiment):
    assert str(experiment) in text_of(as_rosa.get(reverse("researcher:experiments")))


def test_the_list_says_how_far_each_experiment_is(as_rosa, experiment, going):
    page = text_of(as_rosa.get(reverse("researcher:experiments")))

    assert "0 of 3" in page
    assert '<span class="pill pill--running">1 running</span>' in page


def test_the_list_takes_as_many_queries_for_many_experiments(
    as_rosa, experiment, django_assert_max_num_queries
):
    for one in ExperimentFactory.create_batch(19):
        one.runs.add(*RunFactory.create_batch(3))

    with django_assert_max_num_queries(9):
        as_rosa.get(reverse("researcher:experiments"))


def test_the_page_names_the_demonstrations(as_rosa, experiment):
    Experiment.objects.update(demonstrations="talks")

    assert "Demonstrations</dt> <dd> talks" in text_of(
        as_rosa.get(reverse("researcher:experiment", args=[experiment.pk]))
    )


def test_an_experiment_that_does_not_exist_is_not_found(as_rosa):
    assert as_rosa.get(reverse("researcher:experiment", args=[1])).status_code == 404


def test_a_cell_shows_every_judged_example_with_its_verdicts(as_rosa, experiment, person):
    page = text_of(as_rosa.get(reverse("researcher:cell", args=[experiment.pk, "en", "es"])))

    assert page.count("<article") == 5
    assert page.count("Aligned is better") == 2
    assert page.count("Both bad ·") == 1
    assert page.count("equal texts are a tie") == 1
    assert person.user.username not in page


def test_a_verdict_that_was_replaced_is_not_shown(as_rosa, experiment, person):
    comparison = experiment.study.comparisons.get(first__text="c")
    old = comparison.judgments.get()
    JudgmentFactory(judge=person, comparison=comparison, points=2, replaces=old)

    page = text_of(as_rosa.get(reverse("researcher:cell", args=[experiment.pk, "en", "es"])))

    assert "Unaligned is better" not in page


@pytest.mark.parametrize("place", [("es", "es"), ("en", "ar")])
def test_a_cell_outside_the_experiment_is_not_found(as_rosa, experiment, place):
    assert as_rosa.get(reverse("researcher:cell", args=[experiment.pk, *place])).status_code == 404


def download(client, experiment, name: str) -> tuple[dict[str, str], list[str]]:
    reply = client.get(reverse(f"researcher:{name}", args=[experiment.pk]))
    return reply.headers, b"".join(reply.streaming_content).decode().splitlines()


@pytest.mark.parametrize(("name", "num_rows"), [("win_rates_csv", 1), ("judgments_csv", 5)])
def test_a_table_is_a_csv_file(as_rosa, experiment, name, num_rows):
    headers, lines = download(as_rosa, experiment, name)

    rows = list(csv.DictReader(lines))
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"].startswith(f'attachment; filename="experiment-{experiment.pk}-')
    assert len(rows) == num_rows
    assert {row["source"] for row in rows} == {"en"}


@pytest.mark.parametrize(("name", "num_rows"), [("win_rates_jsonl", 1), ("judgments_jsonl", 5)])
def test_a_table_is_a_json_lines_file(as_rosa, experiment, name, num_rows):
    headers, lines = download(as_rosa, experiment, name)

    assert headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert [json.loads(line)["source"] for line in lines] == ["en"] * num_rows


@pytest.fixture
def going(experiment, now) -> Run:
    """A run under way in the experiment, half done in ten minutes."""
    beat = {"started_at": now, "heartbeat_at": now + timedelta(minutes=10)}
    run = RunFactory(title="rewards es ← en", status="running", attempt=1, done=2, total=4, **beat)
    AttemptFactory(run=run, started_at=now, ended_at=now + timedelta(hours=3), outcome="lost", num_devices=2)
    run.experiments.add(experiment)
    return run


def test_the_graph_links_to_each_run_and_says_its_state(as_rosa, experiment, going):
    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))

    assert (
        f'href="{reverse("launch:run", args=[going.pk])}" aria-label="rewards es ← en: running, 2 of 4"'
        in page
    )
    assert "50 %</text>" in page


def test_the_page_says_how_much_is_done_and_how_long_the_rest_takes(as_rosa, experiment, going):
    experiment.runs.exclude(pk=going.pk).update(status="succeeded")

    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))

    assert "2 of 3" in page
    assert "about 10 min" in page
    assert "No worker is alive now" in page


def test_kinds_that_were_never_measured_are_named(as_rosa, experiment, going):
    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))

    assert "at least 10 min" in page
    assert "Not measured yet: best-of-n, response pool" in page


def test_a_paused_experiment_says_so(as_rosa, experiment, going, now):
    Experiment.objects.update(paused_at=now)

    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))

    assert "Paused since 1 Mar 2026, 12:00" in page


def test_a_reused_run_says_where_it_came_from(as_rosa, experiment, going):
    later = ExperimentFactory()
    going.experiments.add(later)

    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[later.pk])))

    assert f"reused from {experiment}" in page


def test_a_run_that_failed_is_named_above_the_graph(as_rosa, experiment, going):
    Run.objects.filter(pk=going.pk).update(status="failed", error="x")

    page = text_of(as_rosa.get(reverse("researcher:experiment", args=[experiment.pk])))

    assert "What needs them waits until they are retried." in page


def test_a_poll_gets_the_runs_alone_and_computes_no_win_rate(as_rosa, experiment, going, monkeypatch):
    monkeypatch.delattr("annotate.web.researcher.win_rate_matrix")

    page = text_of(
        as_rosa.get(reverse("researcher:experiment", args=[experiment.pk]), headers={"HX-Request": "true"})
    )

    assert page.startswith("<section")
    assert page.count("hx-get") == 1
    assert "Is the aligned response preferred?" not in page


def test_the_polling_ends_with_the_last_run(as_rosa, experiment, going):
    Run.objects.update(status="succeeded")

    page = text_of(
        as_rosa.get(reverse("researcher:experiment", args=[experiment.pk]), headers={"HX-Request": "true"})
    )

    assert "hx-get" not in page
    assert "All runs have ended." in page
