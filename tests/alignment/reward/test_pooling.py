import pytest
import torch
from transformers import BertConfig, Gemma3TextConfig, MT5Config

from alignment.errors import AlignmentError
from alignment.reward.pooling import Pooling, pool, pooling_for

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]], [[2.0, 4.0], [7.0, 7.0], [7.0, 7.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 0, 0]])


def test_the_mean_is_over_the_tokens_of_the_text():
    assert pool(HIDDEN, MASK, Pooling.MEAN).tolist() == [[2.0, 4.0], [2.0, 4.0]]


def test_the_last_token_of_each_text_is_taken():
    assert pool(HIDDEN, MASK, Pooling.LAST).tolist() == [[3.0, 6.0], [2.0, 4.0]]


def test_the_last_token_is_found_behind_padding_on_the_left():
    mask = torch.tensor([[0, 1, 1], [0, 0, 1]])

    assert pool(HIDDEN, mask, Pooling.LAST).tolist() == [[9.0, 9.0], [7.0, 7.0]]


@pytest.mark.parametrize("pooling", list(Pooling))
def test_hidden_states_of_padding_do_not_matter_even_if_they_are_no_numbers(pooling):
    broken = HIDDEN.masked_fill(MASK.unsqueeze(-1) == 0, float("nan"))

    assert torch.equal(pool(broken, MASK, pooling), pool(HIDDEN, MASK, pooling))


def test_half_precision_is_pooled_in_single_precision():
    hidden = torch.full((1, 3000, 1), 1.001, dtype=torch.bfloat16)

    pooled = pool(hidden, torch.ones(1, 3000, dtype=torch.long), Pooling.MEAN)

    assert pooled.dtype == torch.float32
    assert pooled.item() == pytest.approx(hidden[0, 0, 0].item(), rel=1e-5)


def test_encoders_are_pooled_by_mean_and_causal_backbones_by_the_last_token():
    assert pooling_for(BertConfig()) is Pooling.MEAN
    assert pooling_for(Gemma3TextConfig()) is Pooling.LAST


def test_an_encoder_decoder_is_refused():
    with pytest.raises(AlignmentError, match="encoder-decoder"):
        pooling_for(MT5Config())
