"""What a policy may imitate: imported responses that no verdict is against."""

import json

import pytest

from alignment.records import Demonstration
from annotate.models import Study
from annotate.services.demonstrations import demonstration_records, num_demonstrations
from tests.annotate.factories import (
    ComparisonFactory,
    ImportedSystemFactory,
    JudgmentFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
    StudyFactory,
    UnalignedSystemFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt_set():
    return PromptSetFactory(dataset="stories", split="train")


@pytest.fixture
def prompt(prompt_set):
    return PromptFactory(prompt_set=prompt_set, text="Érase una vez")


def imported(prompt, text: str, **system):
    return ResponseFactory(prompt=prompt, system=ImportedSystemFactory(**system), text=text)


def prefer(chosen, rejected, points: int = 2) -> None:
    study = StudyFactory(purpose=Study.Purpose.IMPORTED)
    pair = ComparisonFactory(study=study, prompt=chosen.prompt, first=chosen, second=rejected)
    JudgmentFactory(comparison=pair, points=points)


def texts() -> list[str]:
    return sorted(record.response for record in demonstration_records("continuation", "stories", "es"))


def test_a_response_that_nobody_judged_is_imitated(prompt):
    imported(prompt, "un rey.")

    assert texts() == ["un rey."]


def test_of_a_pair_the_chosen_one_is_imitated(prompt):
    prefer(imported(prompt, "un rey."), imported(prompt, "nada."))

    assert texts() == ["un rey."]


def test_the_second_best_of_three_was_rejected_once_and_is_not_imitated(prompt):
    best, second, worst = (imported(prompt, text) for text in ("un rey.", "un gato.", "nada."))
    prefer(best, second)
    prefer(second, worst)

    assert texts() == ["un rey."]


def test_a_tie_recommends_neither(prompt):
    prefer(imported(prompt, "un rey."), imported(prompt, "un gato."), points=1)

    assert texts() == []


@pytest.mark.parametrize(("good", "expected"), [(True, ["un rey."]), (False, [])])
def test_a_rating_decides(prompt, good, expected):
    RatingFactory(response=imported(prompt, "un rey."), good=good)

    assert texts() == expected


def test_a_verdict_that_was_replaced_counts_no_more(prompt):
    king, cat = imported(prompt, "un rey."), imported(prompt, "un gato.")
    pair = ComparisonFactory(
        study=StudyFactory(purpose=Study.Purpose.IMPORTED), prompt=prompt, first=king, second=cat
    )
    old = JudgmentFactory(comparison=pair, points=0)
    JudgmentFactory(comparison=pair, judge=old.judge, points=2, replaces=old)

    assert texts() == ["un rey."]


def test_the_same_words_of_two_systems_come_once_and_not_at_all_where_one_was_rated_bad(prompt):
    for text in ("un rey.", "nada."):
        imported(prompt, text, name="one")
        copy = imported(prompt, text, name="other")
    RatingFactory(response=copy, good=False)

    assert texts() == ["un rey."]


def test_what_was_made_here_is_not_imitated(prompt):
    ResponseFactory(prompt=prompt, system=UnalignedSystemFactory(), text="un eco.")

    assert texts() == []


def test_a_line_that_answers_no_prompt_is_not_imitated(prompt_set):
    imported(PromptFactory(prompt_set=prompt_set, text=""), "un rey.")

    assert texts() == []


def test_what_is_kept_for_testing_is_not_imitated():
    held_out = PromptSetFactory(dataset="stories", split="test")
    imported(PromptFactory(prompt_set=held_out), "un rey.")

    assert (texts(), num_demonstrations(held_out)) == ([], 0)


def test_other_languages_data_sets_and_tasks_stay_apart(prompt):
    for other in ({"language__tag": "tr"}, {"dataset": "lines"}, {"task": "dialog"}):
        stranger = PromptSetFactory(**{"dataset": "stories", "split": "train"} | other)
        imported(PromptFactory(prompt_set=stranger), "otra cosa.")
    imported(prompt, "un rey.")

    assert texts() == ["un rey."]


def test_the_number_is_that_of_the_records(prompt_set, prompt):
    prefer(imported(prompt, "un rey."), imported(prompt, "nada."))
    imported(PromptFactory(prompt_set=prompt_set), "un gato.")

    assert num_demonstrations(prompt_set) == len(texts()) == 2


def test_the_order_is_that_of_the_contents_whoever_came_first(prompt_set):
    rows = [("b", "dos"), ("a", "uno"), ("a", "tres")]
    for opening, text in rows:
        known = prompt_set.prompts.filter(text=opening).first()
        imported(known or PromptFactory(prompt_set=prompt_set, text=opening), text)
    found = list(demonstration_records("continuation", "stories", "es"))

    assert [one.prompt.key for one in found] == sorted(one.prompt.key for one in found)


def test_a_line_has_the_keys_that_training_reads(prompt):
    imported(prompt, "un rey.")

    (record,) = demonstration_records("continuation", "stories", "es")

    assert record.as_json() == {
        "prompt": "Érase una vez",
        "completion": "un rey.",
        "language": "es",
        "dataset": "stories",
        "split": "train",
    }
    assert Demonstration.from_json(json.loads(json.dumps(record.as_json()))) == record
