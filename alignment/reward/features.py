"""A backbone as a function from texts to vectors, the same for a text in whatever company.

N texts, H hidden units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from alignment.digests import text_digest
from alignment.progress import Progress, Step, silent
from alignment.reward.batches import TOKENS_PER_BATCH, Batch, batches
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.formatting import Formatter, Input, Tokens
from alignment.reward.pooling import Pooling, pool

BATCHES_PER_REPORT = 8
Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureExtractor:
    """A backbone in evaluation mode, on its device, with the formatter that feeds it."""

    backbone: PreTrainedModel
    formatter: Formatter
    pooling: Pooling

    @property
    def num_features(self) -> int:
        return int(self.backbone.config.hidden_size)

    def features(
        self, inputs: Sequence[Input], *, cache: FeatureCache | None = None, progress: Progress = silent
    ) -> Vector:
        """One vector per input, each distinct text computed once. Returns (N, H)."""
        tokens = self.formatter.tokens(inputs)
        keys = [self._key(one) for one in tokens]
        vectors = cache.get(list(dict.fromkeys(keys))) if cache else {}
        missing = {key: one for key, one in zip(keys, tokens, strict=True) if key not in vectors}
        if missing:
            vectors |= self._compute(missing, cache, progress)
        return np.stack([vectors[key] for key in keys])

    def _compute(
        self, tokens: dict[str, Tokens], cache: FeatureCache | None, progress: Progress
    ) -> dict[str, Vector]:
        """Vectors by key, kept in the cache a few batches at a time."""
        keys = list(tokens)
        computed: dict[str, Vector] = {}
        unsaved: dict[str, Vector] = {}
        for number, batch in enumerate(self._batches(list(tokens.values())), start=1):
            unsaved |= {
                keys[place]: row for place, row in zip(batch.positions, self._forward(batch), strict=True)
            }
            if number % BATCHES_PER_REPORT == 0 or len(computed) + len(unsaved) == len(keys):
                if cache:
                    cache.put(unsaved)
                computed |= unsaved
                unsaved = {}
                progress(Step(done=len(computed), total=len(keys), unit="texts"))
        return computed

    def _batches(self, tokens: list[Tokens]) -> Sequence[Batch]:
        return list(
            batches(
                [one.ids for one in tokens],
                max_tokens=self.formatter.layout.max_tokens,
                budget=TOKENS_PER_BATCH[self.backbone.device.type],
            )
        )

    @torch.inference_mode()
    def _forward(self, batch: Batch) -> Vector:
        """The vectors of a batch's real rows."""
        mask = batch.attention_mask.to(self.backbone.device)
        hidden = self.backbone(input_ids=batch.input_ids.to(mask.device), attention_mask=mask)
        pooled = pool(hidden.last_hidden_state, mask, self.pooling)  # (B, H)
        return pooled[: len(batch.positions)].cpu().numpy()

    def _key(self, tokens: Tokens) -> str:
        """Names a vector among those of one backbone."""
        kind = (
            self.backbone.device.type,
            str(self.backbone.dtype),
            self.pooling,
            self.formatter.layout.max_tokens,
        )
        return text_digest(*map(str, kind), " ".join(map(str, tokens.ids)))
