"""From the hidden states of a text to one vector.

B texts, T tokens, H hidden units.
"""

from enum import StrEnum

import torch
from torch import Tensor
from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from alignment.errors import AlignmentError


class Pooling(StrEnum):
    """MEAN over all tokens, for encoders; LAST token, for causal backbones."""

    MEAN = "mean"
    LAST = "last"


def pooling_for(config: PretrainedConfig) -> Pooling:
    """Raises AlignmentError for an encoder-decoder, which has no one sequence of hidden states."""
    if config.is_encoder_decoder:
        raise AlignmentError(
            "An encoder-decoder cannot carry a reward model here; choose an encoder or a causal backbone."
        )
    return Pooling.MEAN if config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES else Pooling.LAST


def pool(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One float32 vector per text: hidden (B, T, H), mask (B, T) is 1 on its tokens. Returns (B, H)."""
    hidden = hidden.float()
    if pooling is Pooling.MEAN:
        kept = hidden.masked_fill(mask.unsqueeze(-1) == 0, 0.0)  # (B, T, H)
        return kept.sum(dim=1) / mask.sum(dim=1, keepdim=True)
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * positions).argmax(dim=1)  # (B,)
    return hidden[torch.arange(len(hidden), device=mask.device), last]
