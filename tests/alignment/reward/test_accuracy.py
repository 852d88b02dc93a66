import numpy as np
import pytest

from alignment.records import Preference, Prompt, Rating
from alignment.reward.accuracy import accuracy_report
from alignment.reward.model import RewardModel
from alignment.reward.training import Order, train
from tests.alignment.reward.conftest import pairs, ratings, settings


@pytest.fixture(scope="module")
def models(tiny_encoder, tmp_path_factory):
    """A reward model trained on ratings, and one trained on pairs."""
    from alignment.policy.checkpoints import prepare

    directory = tmp_path_factory.mktemp("models")
    encoder = prepare(str(tiny_encoder), (), directory)
    feedback = {"ratings": ratings(61), "pairs": pairs(60)}
    for kind, lines in feedback.items():
        train(Order(settings(), lines, encoder), directory / kind, cache=directory)
    return {kind: RewardModel.load(directory / kind) for kind in feedback}


def test_there_is_a_group_for_each_language_split_and_kind(models):
    feedback = [
        *ratings(6, split="test"),
        *pairs(4, split="test", language="de"),
        *ratings(4, split="validation"),
    ]

    report = accuracy_report(models["ratings"], feedback)

    assert [(one["language"], one["split"], one["feedback"], one["num_examples"]) for one in report] == [
        ("de", "test", "pairs", 4),
        ("en", "test", "ratings", 6),
        ("en", "validation", "ratings", 4),
    ]


def test_the_accuracy_of_ratings_is_counted_at_logit_zero(models):
    held_out = ratings(20, split="test")
    logits = models["ratings"].logits([(one.prompt, one.response) for one in held_out])

    (group,) = accuracy_report(models["ratings"], held_out)

    right = [(logit > 0) == one.good for logit, one in zip(logits, held_out, strict=True)]
    assert group["accuracy"]["estimate"] == pytest.approx(np.mean(right))
    assert group["threshold"] == 0
    assert group["accuracy"]["low"] < group["accuracy"]["estimate"] < group["accuracy"]["high"] or all(right)


def test_the_majority_is_that_of_the_training_ratings(models):
    bad = [one for one in ratings(20, split="test") if not one.good]

    (group,) = accuracy_report(models["ratings"], bad)

    assert group["baselines"]["training_majority"]["accuracy"]["estimate"] == 0
    assert group["baselines"]["own_majority"]["accuracy"]["estimate"] == 1
    assert group["share_good"] == 0


def test_without_good_and_bad_ratings_there_is_no_auc(models):
    bad = [one for one in ratings(20, split="test") if not one.good]

    (group,) = accuracy_report(models["ratings"], bad)

    assert group["auc"] is None
    assert "longer_is_good_auc" not in group["baselines"]


def test_a_model_of_pairs_is_not_asked_whether_a_response_is_good(models):
    (group,) = accuracy_report(models["pairs"], ratings(20, split="test"))

    assert group["accuracy"] is None
    assert group["auc"]["estimate"] > 0.5
    assert list(group["baselines"]) == ["longer_is_good_auc"]


def test_pairs_are_compared_with_the_longer_response(models):
    prompt = Prompt(text="", language="en", split="test")
    held_out = [
        Preference(prompt=prompt, chosen="The dog was kind and warm", rejected="The dog was cold"),
        Preference(prompt=prompt, chosen="A sunny dog", rejected="A cold and angry dog"),
        Preference(prompt=prompt, chosen="A kind dog", rejected="A grey dog"),
    ]

    (group,) = accuracy_report(models["pairs"], held_out)

    baseline = group["baselines"]["longer_wins"]
    assert baseline["accuracy"]["estimate"] == pytest.approx((1 + 0 + 0.5) / 3)
    difference = group["accuracy"]["estimate"] - baseline["accuracy"]["estimate"]
    assert baseline["advantage"]["difference"] == pytest.approx(difference)


def test_a_tie_counts_half_and_is_reported(models):
    prompt = Prompt(text="", language="en", split="test")
    tied = [Preference(prompt=prompt, chosen="The dog ", rejected="The dog")]

    (group,) = accuracy_report(models["pairs"], tied)

    assert (group["accuracy"]["estimate"], group["num_ties"]) == (0.5, 1)


def test_cut_inputs_and_the_correlation_with_length_are_reported(models):
    prompt = Prompt(text="", language="en", split="test")
    texts = ["The dog was cold. " * 30, "The dog was kind.", "The dog"]
    held_out = [Rating(prompt=prompt, response=text, good=text[8:9] == "w") for text in texts]

    (group,) = accuracy_report(models["ratings"], held_out)

    logits = models["ratings"].logits([(prompt, text) for text in texts])
    assert group["truncated"] == 1
    expected = np.corrcoef(logits, [len(text) for text in texts])[0, 1]
    assert group["length_correlation"] == pytest.approx(expected)


def test_a_length_that_never_changes_has_no_correlation(models):
    held_out = ratings(1, split="test")

    (group,) = accuracy_report(models["ratings"], held_out)

    assert group["length_correlation"] is None
