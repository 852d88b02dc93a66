import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.progress import Step
from alignment.records import Prompt, Rating
from alignment.reward.examples import training_data
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.frozen import STRENGTHS, fit_frozen
from tests.alignment.reward.conftest import pairs, ratings, settings


@pytest.fixture
def fit(extractor, tmp_path):
    """Fits a head to feedback."""
    cache = FeatureCache(tmp_path, "digest", extractor.num_features)

    def run(feedback, seed=7, **changes):
        data = training_data(feedback, extractor.formatter, settings())
        return fit_frozen(data, extractor, seed, cache=cache, **changes)

    return run


@pytest.mark.parametrize("kinds", [(ratings,), (pairs,), (ratings, pairs)], ids=["ratings", "pairs", "both"])
def test_a_head_learns_what_the_backbone_can_tell_apart(fit, kinds):
    feedback = [one for kind in kinds for one in (*kind(60), *kind(20, split="validation"))]

    fitted = fit(feedback)

    assert fitted.metrics["accuracy"] > 0.85
    assert fitted.metrics["validation_accuracy"] > 0.75


def test_the_strength_is_the_one_with_the_least_held_out_loss(fit):
    steps: list[Step] = []

    fitted = fit([*ratings(60), *ratings(30, split="validation")], progress=steps.append)

    losses = {
        step.metrics["strength"]: step.metrics["held_out_loss"] for step in steps if step.unit == "strengths"
    }
    assert sorted(losses) == sorted(STRENGTHS)
    assert fitted.metrics["strength"] == min(losses, key=losses.__getitem__)


def test_the_fit_is_the_same_to_the_last_bit_when_it_is_done_again(fit):
    once, again = fit(ratings(60)), fit(ratings(60))

    assert once.head.weight.tobytes() == again.head.weight.tobytes()
    assert once.metrics == again.metrics


def test_without_a_validation_split_the_seed_draws_the_folds(fit):
    assert (
        fit(ratings(60), seed=1).metrics["held_out_loss"] != fit(ratings(60), seed=2).metrics["held_out_loss"]
    )


def test_the_same_prompt_is_never_in_two_folds(fit):
    prompt = Prompt(text="Only one.", language="en")
    same = [Rating(prompt=prompt, response=one.response, good=one.good) for one in ratings(20)]

    with pytest.raises(AlignmentError, match="at least two"):
        fit(same)


def test_logits_are_those_of_the_yardstick(fit, extractor):
    fitted = fit([*ratings(40), *ratings(10, split="validation")])

    held_out = [
        extractor.formatter.input(one.prompt, one.response) for one in ratings(10, split="validation")
    ]
    assert np.array_equal(fitted.logits, fitted.head.logits(extractor.features(held_out)))
