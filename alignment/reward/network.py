"""Backbone and head as one network, for training by gradient.

B texts, T tokens, H hidden units.
"""

import copy
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from alignment.reward.heads import Head
from alignment.reward.pooling import Pooling, pool


class RewardNetwork(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The logit of a text: a linear head on the pooled hidden states of a backbone.

    The libraries' own sequence classifiers take another part of an encoder's output than its authors trained
    (the first token's), and find the last token by the padding token's id; pooling by the mask does neither.
    """

    # What the backbone computes with was settled when it was loaded.
    _supports_sdpa = _supports_flash_attn = _supports_flex_attn = True
    supports_gradient_checkpointing = True

    def __init__(self, backbone: PreTrainedModel, pooling: Pooling) -> None:
        config = copy.deepcopy(backbone.config)
        config.num_labels = 1
        super().__init__(config)
        self.backbone = backbone
        self._no_split_modules = _layers(backbone)
        self.score = nn.Linear(config.hidden_size, 1, device=backbone.device)
        nn.init.normal_(self.score.weight, std=config.hidden_size**-0.5)
        nn.init.zeros_(self.score.bias)
        self._pooling = pooling

    def get_input_embeddings(self) -> nn.Module:
        """The backbone's."""
        return self.backbone.get_input_embeddings()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Any) -> SequenceClassifierOutput:
        """input_ids and attention_mask (B, T), padded on the right. The output's logits are (B, 1)."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = pool(hidden, attention_mask, self._pooling)  # (B, H)
        return SequenceClassifierOutput(logits=self.score(pooled))

    def head(self) -> Head:
        """A copy of the head's weights."""
        weight = self.score.weight.detach().cpu().numpy().astype(np.float64)
        return Head(weight[0], float(self.score.bias.item()))


def _layers(backbone: PreTrainedModel) -> list[str]:
    """The classes that are sharded among devices one by one, without those that hold the embeddings.

    accelerate shards the embeddings apart, and fails where they are part of a larger piece, as BERT's are.
    """
    embeddings = backbone.get_input_embeddings()
    around = {type(module).__name__ for module in backbone.modules() if embeddings in module.modules()}
    return sorted(set(backbone._no_split_modules or ()) - around)
