"""The report is made by the science itself, with a reward model whose logits the test chooses."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from alignment.records import Preference, Prompt, Rating
from alignment.reward.accuracy import accuracy_report
from alignment.reward.card import RatingBaselines
from annotate.models import Experiment, Run
from annotate.services.accuracies import accuracy_matrix
from annotate.services.answers import accuracy_answer
from tests.annotate.factories import ExperimentFactory, LanguageFactory, RunFactory

pytestmark = pytest.mark.django_db
ALWAYS_GOOD = RatingBaselines(good_share=0.6, length_cut=0, longer_is_good=True)
ENGLISH_NAMES = {"en": "English", "es": "Spanish", "tr": "Turkish"}


def prompt(tag: str) -> Prompt:
    return Prompt(text="", language=tag, dataset="lines", split="test")


def ratings(tag: str, *, num_right: int, num_wrong: int) -> list[tuple[Rating, list[float]]]:
    """Half of them good; with each the logit of its response."""
    both = [(0.5, num_right // 2), (-0.5, num_wrong // 2)]
    return [
        (Rating(prompt=prompt(tag), response=f"{good} {sign} {number}", good=good), [sign if good else -sign])
        for sign, num in both
        for number in range(num)
        for good in (True, False)
    ]


def pairs(tag: str, *, num_right: int, num_wrong: int) -> list[tuple[Preference, list[float]]]:
    """Of each pair the longer response is rejected; with it the logits of chosen and rejected."""
    return [
        (Preference(prompt=prompt(tag), chosen=f"c{number}", rejected=f"r{number} long"), [margin, 0.0])
        for margin, count in ((1.0, num_right), (-1.0, num_wrong))
        for number in range(count)
    ]


def report(feedback, rating_baselines: RatingBaselines | None = ALWAYS_GOOD):
    logits = np.array([logit for _, some in feedback for logit in some])
    model = SimpleNamespace(
        logits=lambda inputs, **_: logits,
        input=lambda *response: response,
        extractor=SimpleNamespace(
            formatter=SimpleNamespace(tokens=lambda inputs: [SimpleNamespace(truncated=False)] * len(inputs))
        ),
        card=SimpleNamespace(rating_baselines=rating_baselines),
    )
    return json.loads(json.dumps({"groups": accuracy_report(model, [one for one, _ in feedback])}))


@pytest.fixture
def experiment() -> Experiment:
    for tag, name in ENGLISH_NAMES.items():
        LanguageFactory(tag=tag, english_name=name)
    experiment = ExperimentFactory()
    experiment.sources.set(["en"])
    return experiment


def finish(experiment: Experiment, result, status: str = Run.Status.SUCCEEDED) -> None:
    run = RunFactory(kind=Run.Kind.ACCURACY, source_id="en", status=status, result=result)
    run.experiments.add(experiment)


def the_row(experiment: Experiment):
    (row,) = accuracy_matrix(experiment).rows
    return row


def the_answer(experiment: Experiment) -> str:
    matrix = accuracy_matrix(experiment)
    (row,) = matrix.rows
    return accuracy_answer(row, matrix.languages)


def test_nothing_is_shown_before_a_run_has_succeeded(experiment):
    finish(experiment, {}, status=Run.Status.CANCELLED)

    assert accuracy_matrix(experiment) == ([], [])


def test_a_cell_has_the_numbers_of_the_report(experiment):
    finish(experiment, report(ratings("es", num_right=40, num_wrong=10)))

    (cell,) = the_row(experiment).cells

    assert (cell.num_examples, cell.accuracy.estimate, cell.auc.num_good) == (50, 0.8, 25)
    assert cell.accuracy.low < 0.8 < cell.accuracy.high
    assert cell.accuracy.method in cell.methods


def test_each_baseline_is_one_line_through_all_languages(experiment):
    finish(
        experiment,
        report([*ratings("es", num_right=40, num_wrong=10), *ratings("tr", num_right=8, num_wrong=2)]),
    )

    matrix = accuracy_matrix(experiment)
    (row,) = matrix.rows
    (majority, found), _ = row.baselines

    assert [language.tag for language in matrix.languages] == ["es", "tr"]
    assert majority == "Commoner label of the training ratings"
    assert [baseline.accuracy.estimate for baseline in found] == [0.5, 0.5]
    assert [baseline.advantage.difference for baseline in found] == pytest.approx([0.3, 0.3])
    assert [baseline.outcome for baseline in found] == ["better", "open"]


def test_a_baseline_that_knows_the_held_out_labels_is_left_out(experiment):
    result = report(ratings("es", num_right=40, num_wrong=10))
    finish(experiment, result)

    assert "own_majority" in result["groups"][0]["baselines"]
    assert len(the_row(experiment).baselines) == 2


def test_a_reward_model_can_be_worse_than_a_baseline(experiment):
    finish(experiment, report(ratings("es", num_right=4, num_wrong=46)))

    (cell,) = the_row(experiment).cells

    assert {baseline.outcome for baseline in cell.baselines.values()} == {"worse"}
    assert not cell.beats_all


def test_pairs_have_one_baseline_and_no_auc(experiment):
    finish(experiment, report(pairs("es", num_right=30, num_wrong=10)))

    row = the_row(experiment)
    ((label, (longer,)),) = row.baselines

    assert (row.feedback, row.cells[0].accuracy.estimate, row.cells[0].auc) == ("pairs", 0.75, None)
    assert (label, longer.accuracy.estimate) == ("Longer response wins", 0)


def test_pairs_and_ratings_of_one_language_do_not_replace_each_other(experiment):
    finish(
        experiment, report([*pairs("es", num_right=3, num_wrong=1), *ratings("tr", num_right=8, num_wrong=2)])
    )

    rows = accuracy_matrix(experiment).rows

    assert [(row.feedback, [cell is not None for cell in row.cells]) for row in rows] == [
        ("pairs", [True, False]),
        ("ratings", [False, True]),
    ]
    assert rows[0].baselines[0][1][1] is None


def test_the_answer_names_the_languages_in_which_every_baseline_is_beaten(experiment):
    lines = [
        *ratings("es", num_right=40, num_wrong=10),
        *ratings("tr", num_right=8, num_wrong=2),
    ]
    finish(experiment, report(lines))

    assert the_answer(experiment) == (
        "On held-out ratings, the English reward model is better than every baseline, beyond chance, "
        "in 1 of 2 languages: Spanish."
    )


def test_the_answer_can_be_that_no_language_shows_it(experiment):
    finish(experiment, report(pairs("es", num_right=1, num_wrong=1)))

    assert the_answer(experiment).endswith("beyond chance, in 0 of 1 language.")


def test_without_a_baseline_there_is_no_answer(experiment):
    finish(experiment, report(ratings("es", num_right=8, num_wrong=2), rating_baselines=None))

    assert the_row(experiment).cells[0].accuracy is None
    assert "has no baseline to beat" in the_answer(experiment)
