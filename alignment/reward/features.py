"""A backbone as a function from texts to vectors, the same for a text in whatever company.

N texts, H hidden units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from alignment.digests import text_digest
from alignment.memory import Halving
from alignment.progress import Progress, Step, silent
from alignment.reward.batches import TOKENS_PER_BATCH, Batch, batches
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.formatting import Formatter, Input, Tokens
from alignment.reward.pooling import Pooling, pool

BATCHES_PER_REPORT = 8
ADVICE = "choose a smaller backbone or take a larger machine"
Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureExtractor:
    """A backbone in evaluation mode, on its device, with the formatter that feeds it."""

    backbone: PreTrainedModel
    formatter: Formatter
    pooling: Pooling
    halving: Halving = field(default_factory=lambda: Halving(rows="texts", advice=ADVICE), compare=False)

    @property
    def num_features(self) -> int:
        return int(self.backbone.config.hidden_size)

    def features(
        self, inputs: Sequence[Input], *, cache: FeatureCache | None = None, progress: Progress = silent
    ) -> Vector:
        """One vector per input, each distinct text computed once. Returns (N, H).

        Where a batch does not fit into the memory, `progress` is told and this one and all later ones are
        computed in halves, whose shapes depend on nothing but the length of the text either.
        """
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

        def say(note: str) -> None:
            progress(Step(done=len(computed), total=len(keys), unit="texts", note=note))

        for number, batch in enumerate(self._batches(list(tokens.values())), start=1):
            rows = range(len(batch.input_ids))
            vectors = self.halving.compute(partial(self._forward, batch), rows, say)
            unsaved |= {keys[place]: row for place, row in zip(batch.positions, vectors, strict=False)}
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
    def _forward(self, batch: Batch, rows: Sequence[int]) -> list[Vector]:
        """The vectors of some rows of a batch, in one piece; the last ones may only fill its shape."""
        part = slice(rows[0], rows[-1] + 1)
        mask = batch.attention_mask[part].to(self.backbone.device)
        hidden = self.backbone(input_ids=batch.input_ids[part].to(mask.device), attention_mask=mask)
        pooled = pool(hidden.last_hidden_state, mask, self.pooling)  # (B, H)
        return list(pooled.cpu().numpy())

    def _key(self, tokens: Tokens) -> str:
        """Names a vector among those of one backbone."""
        kind = (
            self.backbone.device.type,
            str(self.backbone.dtype),
            self.pooling,
            self.formatter.layout.max_tokens,
        )
        return text_digest(*map(str, kind), " ".join(map(str, tokens.ids)))
