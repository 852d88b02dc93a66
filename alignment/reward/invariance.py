"""The check that a reward model must pass before it is published: one text, one reward.

A reward that changes with the batch, with longer neighbours, or between training and scoring would make
every later comparison meaningless, without any error.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from alignment.errors import AlignmentError
from alignment.reward.features import FeatureExtractor
from alignment.reward.formatting import Input, Response
from alignment.reward.model import RewardModel
from alignment.reward.pooling import pool

BATCH_SIZE = 8
TOLERANCE = 0.01


def check_invariance(model: RewardModel, responses: Sequence[Response], trained: NDArray[np.float64]) -> None:
    """Raises AlignmentError when a reward moves by more than TOLERANCE standard deviations.

    trained: the logits of the responses as the training code computed them, (N,). They are compared with the
    stored model's: scored, with each prompt read once for all its responses, computed one by one without
    padding, and padded to longer neighbours.
    """
    inputs = [model.input(*one) for one in responses]
    scored = model.logits(responses)
    ways = {
        "in training": trained,
        "together with others to its prompt": model.logits(responses, share_prompts=True),
        "alone": padded_logits(model, inputs, 1),
        f"in batches of {BATCH_SIZE}": padded_logits(model, inputs, BATCH_SIZE),
    }
    for name, logits in ways.items():
        difference = float(np.max(np.abs(logits - scored))) / model.card.deviation
        if not difference <= TOLERANCE:
            raise AlignmentError(
                f"The same response gets another reward {name} than when it is scored (by {difference:.3f} "
                "standard deviations), so this reward model is not kept; use another backbone."
            )


def padded_logits(model: RewardModel, inputs: Sequence[Input], batch_size: int) -> NDArray[np.float64]:
    """Logits computed the plain way: batches in the given order, padded to the longest. Returns (N,)."""
    extractor = model.extractor
    parts = [
        _padded_features(extractor, inputs[start : start + batch_size])
        for start in range(0, len(inputs), batch_size)
    ]
    return model.head.logits(np.concatenate(parts))


@torch.inference_mode()
def _padded_features(extractor: FeatureExtractor, inputs: Sequence[Input]) -> NDArray[np.float32]:
    ids = [torch.tensor(one.ids) for one in extractor.formatter.tokens(inputs)]
    masks = [torch.ones_like(row) for row in ids]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(extractor.backbone.device)  # (B, T)
    mask = torch.nn.utils.rnn.pad_sequence(masks, batch_first=True).to(padded.device)  # (B, T)
    hidden = extractor.backbone(input_ids=padded, attention_mask=mask).last_hidden_state  # (B, T, H)
    return np.asarray(pool(hidden, mask, extractor.pooling).cpu().numpy())
