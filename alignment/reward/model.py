"""A reward model: a backbone, a linear head on its features, and the card that says where both come from.

On disk: `backbone/` (a checkpoint as its library writes it), `head.safetensors` and `reward_model.json`.
However it was trained, it is stored, loaded and asked in this one way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from alignment.policy.checkpoints import load_backbone
from alignment.progress import Progress, silent
from alignment.records import Prompt
from alignment.reward.card import RewardModelCard
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.features import FeatureExtractor
from alignment.reward.formatting import Formatter, Input, Layout, Response, special_ends
from alignment.reward.heads import Head
from alignment.reward.pooling import Pooling, pooling_for
from alignment.reward.settings import Method

BACKBONE = "backbone"
HEAD_NAME = "head.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardModel:
    """Gives rewards to responses.

    A logit is the head's output (sigmoid: the probability of "good"; a difference: the log-odds of "better").
    A reward is the logit measured in standard deviations from the mean of held-out data, so that the rewards
    of differently trained models can be compared; the order is the same.
    """

    extractor: FeatureExtractor
    head: Head
    card: RewardModelCard

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Raises AlignmentError where there is no reward model."""
        card = RewardModelCard.read(directory)
        extractor = load_extractor(directory / BACKBONE, card.layout)
        tensors = load_file(directory / HEAD_NAME)
        return cls(extractor=extractor, head=Head(tensors["weight"], float(tensors["bias"][0])), card=card)

    def logits(
        self,
        responses: Sequence[Response],
        *,
        cache: FeatureCache | None = None,
        progress: Progress = silent,
        share_prompts: bool = False,
    ) -> NDArray[np.float64]:
        """One logit per (prompt, response), the same in whatever company. Returns (N,).

        share_prompts: see `FeatureExtractor.features`; worth it for several responses to each prompt.
        """
        inputs = [self.input(*one) for one in responses]
        features = self.extractor.features(
            inputs, cache=cache, progress=progress, share_prompts=share_prompts
        )
        return self.head.logits(features)

    def rewards(
        self,
        responses: Sequence[Response],
        *,
        cache: FeatureCache | None = None,
        progress: Progress = silent,
        share_prompts: bool = False,
    ) -> NDArray[np.float64]:
        """One reward per (prompt, response): the normalised logits. Returns (N,)."""
        logits = self.logits(responses, cache=cache, progress=progress, share_prompts=share_prompts)
        return (logits - self.card.mean) / self.card.deviation

    def feature_cache(self, directory: Path) -> FeatureCache | None:
        """Of the unchanged backbone, which other reward models use too; None where training changed it."""
        if self.card.settings["method"] != Method.FROZEN:
            return None
        return FeatureCache(directory, self.card.backbone["digest"], self.extractor.num_features)

    def input(self, prompt: Prompt, response: str) -> Input:
        return self.extractor.formatter.input(prompt, response)


def save_head(head: Head, directory: Path) -> None:
    """Write weight (H,) and bias (1,), both float64."""
    path = directory / HEAD_NAME
    save_file({"weight": head.weight, "bias": np.array([head.bias])}, path)
    path.chmod(0o644)  # the library leaves it to its owner alone


def load_extractor(directory: Path, layout: Layout) -> FeatureExtractor:
    """A backbone in float32, on the accelerator where there is one; its own limit may lower the layout's."""
    backbone = load_backbone(directory, dtype=torch.float32)
    backbone.model.config.use_cache = False  # nothing is generated
    pooling = pooling_for(backbone.model.config)
    limit = min(layout.max_tokens, readable_tokens(backbone.model.config, backbone.tokenizer))
    formatter = Formatter(
        tokenizer=backbone.tokenizer,
        prefix=backbone.input_prefix,
        ends=special_ends(backbone.tokenizer, closes=pooling is Pooling.LAST),
        layout=replace(layout, max_tokens=limit),
    )
    return FeatureExtractor(backbone=backbone.model, formatter=formatter, pooling=pooling)


def readable_tokens(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """The longest input of a backbone; RoBERTa's family keeps the first positions for itself."""
    reserved = config.pad_token_id + 1 if "roberta" in config.model_type else 0
    return min(int(config.max_position_embeddings) - reserved, int(tokenizer.model_max_length))
