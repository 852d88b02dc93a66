"""A backbone as a function from texts to vectors, the same for a text in whatever company.

N texts, H hidden units.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from alignment.digests import text_digest
from alignment.memory import Halving
from alignment.progress import Progress, Step, silent
from alignment.reward.batches import TOKENS_PER_BATCH, TOKENS_PER_GROUP, Batch, batches
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.formatting import Formatter, Input
from alignment.reward.pooling import Pooling, pool
from alignment.reward.sharing import ReadPrompt, Text, can_share, share

BATCHES_PER_REPORT = 8
ADVICE = "choose a smaller backbone or take a larger machine"
Vector = NDArray[np.float32]


class _Part(NamedTuple):
    """Texts computed together. places: of the batch's first rows; read: what they follow, if anything."""

    places: Sequence[int]
    batch: Batch
    read: ReadPrompt | None
    num_shared: int


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
        self,
        inputs: Sequence[Input],
        *,
        cache: FeatureCache | None = None,
        progress: Progress = silent,
        share_prompts: bool = False,
    ) -> Vector:
        """One vector per input, each distinct text computed once. Returns (N, H).

        Where a batch does not fit into the memory, `progress` is told and this one and all later ones are
        computed in halves, whose shapes depend on nothing but the length of the text either. share_prompts:
        read each prompt once where the backbone allows it; only the rounding is another.
        """
        texts = self._texts(inputs, share_prompts=share_prompts)
        keys = [self._key(text) for text in texts]
        vectors = cache.get(list(dict.fromkeys(keys))) if cache else {}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if missing:
            vectors |= self._compute(missing, cache, progress)
        return np.stack([vectors[key] for key in keys])

    def _texts(self, inputs: Sequence[Input], *, share_prompts: bool) -> list[Text]:
        tokens = self.formatter.tokens(inputs)
        if not (share_prompts and self.pooling is Pooling.LAST and can_share(self.backbone)):
            return [Text(one.ids) for one in tokens]
        return list(map(share, tokens, self.formatter.prompts(inputs)))

    def _compute(
        self, texts: dict[str, Text], cache: FeatureCache | None, progress: Progress
    ) -> dict[str, Vector]:
        """Vectors by key, kept in the cache a few batches at a time."""
        keys = list(texts)
        computed: dict[str, Vector] = {}
        unsaved: dict[str, Vector] = {}

        def say(note: str) -> None:
            progress(Step(done=len(computed), total=len(keys), unit="texts", note=note))

        for number, part in enumerate(self._parts(list(texts.values()), say), start=1):
            rows = range(len(part.batch.input_ids))
            vectors = self.halving.compute(partial(self._forward, part), rows, say)
            unsaved |= {keys[place]: row for place, row in zip(part.places, vectors, strict=False)}
            if number % BATCHES_PER_REPORT == 0 or len(computed) + len(unsaved) == len(keys):
                if cache:
                    cache.put(unsaved)
                computed |= unsaved
                unsaved = {}
                progress(Step(done=len(computed), total=len(keys), unit="texts"))
        return computed

    def _parts(self, texts: Sequence[Text], say: Callable[[str], None]) -> Iterator[_Part]:
        """All texts in batches: those of one prompt that begin with as much of it stand together."""
        groups: dict[tuple[int, ...], dict[int, list[int]]] = {}
        for place, text in enumerate(texts):
            shared = text.prompt if text.num_shared else ()
            groups.setdefault(shared, {}).setdefault(text.num_shared, []).append(place)
        for prompt, by_length in groups.items():
            read = self.halving.compute(self._read, [prompt], say)[0] if prompt else None
            for num_shared, places in by_length.items():
                for batch in self._batches([texts[place].rest for place in places], num_shared):
                    yield _Part([places[row] for row in batch.positions], batch, read, num_shared)

    def _batches(self, ids: Sequence[Sequence[int]], num_before: int) -> Iterator[Batch]:
        budgets = TOKENS_PER_GROUP if num_before else TOKENS_PER_BATCH
        return batches(
            ids,
            max_tokens=self.formatter.layout.max_tokens,
            budget=budgets[self.backbone.device.type],
            num_before=num_before,
        )

    @torch.inference_mode()
    def _read(self, prompts: Sequence[Sequence[int]]) -> list[ReadPrompt]:
        return [ReadPrompt.by(self.backbone, prompt) for prompt in prompts]

    @torch.inference_mode()
    def _forward(self, part: _Part, rows: Sequence[int]) -> list[Vector]:
        """The vectors of some rows of a batch, in one piece; the last ones may only fill its shape."""
        within = slice(rows[0], rows[-1] + 1)
        ids = part.batch.input_ids[within].to(self.backbone.device)
        mask = part.batch.attention_mask[within].to(self.backbone.device)
        read = part.read.before(mask, part.num_shared) if part.read else {"attention_mask": mask}
        hidden = self.backbone(input_ids=ids, **read).last_hidden_state
        pooled = pool(hidden, mask, self.pooling)  # (B, H)
        return list(pooled.cpu().numpy())

    def _key(self, text: Text) -> str:
        """Names a vector among those of one backbone."""
        kind = (
            self.backbone.device.type,
            str(self.backbone.dtype),
            self.pooling,
            self.formatter.layout.max_tokens,
        )
        shared = (len(text.prompt), text.num_shared) if text.num_shared else ()
        return text_digest(*map(str, kind), " ".join(map(str, text.ids)), *map(str, shared))
