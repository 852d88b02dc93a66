import numpy as np
import pytest
import torch

from alignment.progress import Step
from alignment.records import Prompt
from alignment.reward.feature_cache import FeatureCache

TEXTS = (
    "light",
    "the morning light came in",
    "nobody minded " * 6,
    "",
    "dog",
    "the dog came home",
    "x " * 60,
)


@pytest.fixture
def inputs(extractor):
    prompt = Prompt(text="", language="en")
    return [extractor.formatter.input(prompt, text) for text in TEXTS]


@pytest.fixture
def cache(extractor, tmp_path):
    return FeatureCache(tmp_path, "digest", extractor.num_features)


def test_a_text_has_the_same_features_to_the_last_bit_in_whatever_company(extractor, inputs):
    together = extractor.features(inputs * 5)

    alone = np.concatenate([extractor.features([one]) for one in inputs])

    assert np.array_equal(together, np.tile(alone, (5, 1)))


def test_features_are_those_of_the_backbone_without_any_padding(extractor, inputs):
    (tokens,) = extractor.formatter.tokens([inputs[1]])
    with torch.inference_mode():
        hidden = extractor.backbone(torch.tensor([tokens.ids])).last_hidden_state[0]
    expected = hidden.mean(dim=0) if extractor.pooling == "mean" else hidden[-1]

    assert np.allclose(extractor.features([inputs[1]])[0], expected.numpy(), atol=1e-5)


def test_cached_features_are_the_computed_ones(extractor, inputs, cache):
    computed = extractor.features(inputs)
    extractor.features(inputs[:3], cache=cache)

    assert np.array_equal(extractor.features(inputs, cache=cache), computed)


def test_what_is_cached_is_not_computed_again(extractor, inputs, cache):
    extractor.features(inputs, cache=cache)
    steps: list[Step] = []

    extractor.features(inputs, cache=cache, progress=steps.append)

    assert not steps


def test_work_done_before_a_stop_is_kept(extractor, inputs, cache):
    def stop(step: Step) -> None:
        raise InterruptedError

    many = [one._replace(rest="dog " * number + one.rest) for number in range(12) for one in inputs]
    with pytest.raises(InterruptedError):
        extractor.features(many, cache=cache, progress=stop)
    steps: list[Step] = []
    extractor.features(many, cache=cache, progress=steps.append)

    num_distinct = len({tokens.ids for tokens in extractor.formatter.tokens(many)})
    assert 0 < steps[-1].total < num_distinct


def test_progress_counts_distinct_texts(extractor, inputs):
    steps: list[Step] = []

    extractor.features(inputs * 2, progress=steps.append)

    assert (steps[-1].done, steps[-1].total) == (len(TEXTS), len(TEXTS))
