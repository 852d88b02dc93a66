"""What reward models learn from: imported and collected verdicts are the same records."""

import pytest

from alignment import records
from alignment.digests import text_digest
from annotate.models import Comparison, Response, Study
from annotate.services.feedback import available_data, feedback_records, prompt_records
from tests.annotate.factories import (
    ComparisonFactory,
    ExperimentFactory,
    JudgmentFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
)

pytestmark = pytest.mark.django_db
SET = {"task": "continuation", "dataset": "openings"}


@pytest.fixture
def comparison() -> Comparison:
    prompt = PromptFactory(text="Hola", prompt_set__split="train")
    return ComparisonFactory(prompt=prompt, first__text="una", second__text="otra")


def learn(**where: object) -> list[records.Preference | records.Rating]:
    place = {**SET, "languages": ["es"], "splits": ["train"], **where}
    return list(feedback_records(*place.values()))


def rated(*verdicts: bool, text: str = "una", language: str = "es") -> Response:
    prompt_set = PromptSetFactory(split="train", language__tag=language)
    prompt = prompt_set.prompts.first() or PromptFactory(prompt_set=prompt_set, text="Hola")
    response = ResponseFactory(text=text, prompt=prompt)
    for good in verdicts:
        RatingFactory(response=response, good=good)
    return response


@pytest.mark.parametrize(("points", "chosen", "rejected"), [(2, "una", "otra"), (0, "otra", "una")])
@pytest.mark.parametrize("purpose", [Study.Purpose.IMPORTED, Study.Purpose.COLLECT])
def test_a_judgment_is_a_preference_wherever_it_came_from(comparison, purpose, points, chosen, rejected):
    Study.objects.update(purpose=purpose)
    JudgmentFactory(comparison=comparison, points=points)

    prompt = records.Prompt(text="Hola", language="es", dataset="openings", split="train")
    assert learn() == [records.Preference(prompt=prompt, chosen=chosen, rejected=rejected)]


def test_verdicts_of_an_evaluation_are_not_learned_from(comparison):
    Study.objects.update(purpose=Study.Purpose.EVALUATE, experiment=ExperimentFactory())
    JudgmentFactory(comparison=comparison)

    assert learn() == []


def test_a_comparison_without_judgment_gives_nothing(comparison):
    assert learn() == []


def test_the_majority_decides(comparison):
    for points in (0, 2, 0):
        JudgmentFactory(comparison=comparison, points=points)

    (preference,) = learn()
    assert preference.chosen == "otra"


@pytest.mark.parametrize("verdicts", [[1], [2, 0], [2, 1, 0]])
def test_verdicts_that_balance_give_nothing_and_are_counted(comparison, verdicts):
    for points in verdicts:
        JudgmentFactory(comparison=comparison, points=points)

    assert learn() == []
    (available,) = available_data("continuation")
    assert (available.num_undecided, available.num_feedback) == (1, 0)


def test_two_bad_responses_give_nothing(comparison):
    JudgmentFactory(comparison=comparison, points=1, both_bad=True)

    assert learn() == []


def test_a_verdict_that_was_replaced_no_longer_counts(comparison):
    old = JudgmentFactory(comparison=comparison, points=2)
    JudgmentFactory(comparison=comparison, points=0, replaces=old, judge=old.judge)

    (preference,) = learn()
    assert preference.chosen == "otra"


def test_a_machine_votes_with_its_probability(comparison):
    JudgmentFactory(comparison=comparison, points=None, probability=0.2)

    (preference,) = learn()
    assert preference.chosen == "otra"


def test_an_empty_response_teaches_nothing(comparison):
    silent = ComparisonFactory(prompt=comparison.prompt, study=comparison.study, second__text=" ")
    JudgmentFactory(comparison=silent, points=2)

    assert learn() == []


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [([True], [True]), ([False], [False]), ([True, False], []), ([True, False, False], [False])],
)
def test_a_rated_response_is_good_or_bad_by_majority(verdicts, found):
    rated(*verdicts)

    assert [rating.good for rating in learn()] == found


@pytest.mark.parametrize(
    "where", [{"languages": ["de"]}, {"splits": ["test"]}, {"dataset": "other"}, {"task": "dialog"}]
)
def test_only_what_was_asked_for_is_learned(comparison, where):
    JudgmentFactory(comparison=comparison)
    rated(True)

    assert learn(**where) == []


def test_the_order_does_not_depend_on_when_rows_came():
    texts = ("una", "dos", "tres")
    for text in texts:
        rated(True, text=text, language="es")
        rated(True, text=text, language="en")

    found = [(rating.prompt.language, rating.response) for rating in learn(languages=["es", "en"])]

    assert found == [(tag, text) for tag in ("en", "es") for text in sorted(texts, key=text_digest)]


def test_what_there_is_is_counted_by_set(comparison):
    JudgmentFactory(comparison=comparison)
    rated(True, text="dos")
    rated(True, False, text="tres")
    PromptFactory(prompt_set=PromptSetFactory(split="test", language__tag="de"))

    german, spanish = available_data("continuation")

    assert (german.prompt_set.split, german.num_prompts, german.num_feedback) == ("test", 1, 0)
    assert (spanish.num_preferences, spanish.num_ratings, spanish.num_undecided) == (1, 1, 1)
    assert available_data("dialog") == []


def draw(limit: int = 100, seed: int = 0) -> list[str]:
    found = prompt_records("continuation", "openings", "es", split="test", limit=limit, seed=seed)
    return [prompt.text for prompt in found]


def test_prompts_are_drawn_by_the_seed_alone():
    for number in range(20):
        PromptFactory(text=f"Apertura {number}")

    assert draw(5) == draw(20)[:5]
    assert set(draw(5)) != set(draw(5, seed=1))
    assert draw(20) != sorted(draw(20))


def test_an_empty_prompt_is_no_prompt():
    PromptFactory(text="")
    PromptFactory(text="", messages=[{"role": "user", "content": "Hola"}], key="k")

    assert len(draw()) == 1


def test_prompts_of_other_sets_are_not_drawn():
    PromptFactory(prompt_set__split="train")
    PromptFactory(prompt_set__language__tag="de")
    PromptFactory(prompt_set__dataset="other")

    assert draw() == []
