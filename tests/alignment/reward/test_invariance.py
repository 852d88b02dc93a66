import numpy as np
import pytest
import torch

from alignment.errors import AlignmentError
from alignment.records import Prompt
from alignment.reward.examples import responses_in
from alignment.reward.formatting import Formatter, Tokens
from alignment.reward.invariance import check_invariance
from alignment.reward.model import RewardModel
from alignment.reward.sharing import ReadPrompt
from alignment.reward.training import Order, train
from tests.alignment.reward.conftest import ratings, settings

PROBES = responses_in(ratings(20))


@pytest.fixture
def model(backbone, tmp_path):
    train(Order(settings(), ratings(40), backbone), tmp_path / "model", cache=tmp_path)
    return RewardModel.load(tmp_path / "model")


def test_a_sound_reward_model_passes(model):
    check_invariance(model, PROBES, model.logits(PROBES))


def test_an_encoder_that_looks_at_padding_is_refused(encoder, tmp_path, monkeypatch):
    train(Order(settings(), ratings(40), encoder), tmp_path / "model", cache=tmp_path)
    model = RewardModel.load(tmp_path / "model")
    trained = model.logits(PROBES)
    forward = type(model.extractor.backbone).forward

    def careless(self, input_ids, attention_mask, **rest):
        return forward(self, input_ids, torch.ones_like(attention_mask), **rest)

    monkeypatch.setattr(type(model.extractor.backbone), "forward", careless)

    with pytest.raises(AlignmentError, match="The same response gets another reward"):
        check_invariance(model, PROBES, trained)


@pytest.mark.parametrize("backbone", ["tiny_policy"], indirect=True)
def test_a_causal_backbone_that_forgets_the_prompt_it_read_is_refused(backbone, tmp_path, monkeypatch):
    train(Order(settings(max_tokens=400), ratings(40), backbone), tmp_path / "model", cache=tmp_path)
    model = RewardModel.load(tmp_path / "model")
    probes = [(Prompt(text="the morning light " * 40, language="en"), text) for _, text in PROBES]
    before = ReadPrompt.before

    def forgetful(self, mask, num_shared):
        given = before(self, mask, num_shared)
        given["attention_mask"][:, :num_shared] = 0
        return given

    monkeypatch.setattr(ReadPrompt, "before", forgetful)

    with pytest.raises(AlignmentError, match="another reward together with others to its prompt"):
        check_invariance(model, probes, model.logits(probes))


def test_a_model_that_scores_otherwise_than_it_was_trained_is_refused(model):
    trained = model.logits(PROBES) + 0.02 * model.card.deviation

    with pytest.raises(AlignmentError, match="in training than when it is scored"):
        check_invariance(model, PROBES, trained)


def test_a_formatter_that_forgets_the_end_of_sequence_is_refused(model, monkeypatch):
    trained = model.logits(PROBES)
    tokens = Formatter.tokens

    def forgetful(self, inputs):
        return [Tokens(one.ids[:-1], one.num_full) for one in tokens(self, inputs)]

    monkeypatch.setattr(Formatter, "tokens", forgetful)

    with pytest.raises(AlignmentError, match="in training"):
        check_invariance(model, PROBES, trained)


def test_a_reward_that_is_no_number_is_refused(model):
    trained = np.full(len(PROBES), np.nan)

    with pytest.raises(AlignmentError, match="not kept"):
        check_invariance(model, PROBES, trained)
