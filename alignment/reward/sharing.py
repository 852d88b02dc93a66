"""What texts with the same prompt share: a causal backbone reads the prompt once for all of them.

What it makes of a token depends on nothing after it, so the prompt's keys and values serve every response.

B texts, P tokens of the prompt, T tokens after it.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from transformers import DynamicCache, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

from alignment.reward.formatting import Tokens

WORTH_SHARING = 64  # tokens; below it, filling the groups of one prompt costs more than its repetition
CUT_STEP = 32  # tokens; prompts cut to fit lose as much as their responses are long, and still form groups
ARGUMENTS = {"past_key_values", "position_ids"}
ATTENTION = {"full_attention", "sliding_attention"}


class Text(NamedTuple):
    """Token ids, of which the first `num_shared` are the first of `prompt`, too."""

    ids: tuple[int, ...]
    prompt: tuple[int, ...] = ()
    num_shared: int = 0

    @property
    def rest(self) -> tuple[int, ...]:
        """Never empty: the features are those of the last token."""
        return self.ids[self.num_shared :]


def share(tokens: Tokens, prompt: tuple[int, ...]) -> Text:
    """How a text is computed; it depends on nothing but the text and its prompt.

    Where the prompt's end is segmented otherwise before this response, only what comes before it is shared.
    """
    num_shared = _num_equal(tokens.ids[:-1], prompt)
    if tokens.truncated:
        num_shared -= num_shared % CUT_STEP
    return Text(tokens.ids, prompt, num_shared) if num_shared >= WORTH_SHARING else Text(tokens.ids)


def can_share(backbone: PreTrainedModel) -> bool:
    """Whether each token attends to earlier ones alone, all or those in a window, through keys and values."""
    config = backbone.config
    return (
        inspect.signature(backbone.forward).parameters.keys() >= ARGUMENTS
        and config.get_text_config() is config
        and getattr(config, "is_causal", True)
        and not getattr(config, "use_bidirectional_attention", False)
        and set(getattr(config, "layer_types", None) or ()) <= ATTENTION
        and _has_plain_cache(config)
    )


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """The keys and values (1, heads, P, width) of each layer."""

    layers: Sequence[tuple[Tensor, Tensor]]

    @classmethod
    def by(cls, backbone: PreTrainedModel, prompt: Sequence[int]) -> Self:
        # Without the configuration a cache keeps everything, not only a window: a text may share less.
        cache = DynamicCache()
        ids = torch.tensor([prompt], device=backbone.device)  # (1, P)
        backbone(input_ids=ids, past_key_values=cache, use_cache=True)
        return cls([(keys, values) for keys, values, *_ in cache])

    def before(self, mask: Tensor, num_shared: int) -> dict[str, Any]:
        """What a backbone is given beside token ids (B, T) that follow the first `num_shared` tokens.

        mask (B, T) is 1 on the tokens, which are padded on the right.
        """
        positions = torch.arange(num_shared, num_shared + mask.shape[1], device=mask.device)
        return {
            "attention_mask": torch.cat([mask.new_ones(len(mask), num_shared), mask], dim=1),  # (B, P + T)
            "position_ids": positions.expand_as(mask),
            "past_key_values": Cache(
                layers=[
                    _Borrowed(keys[..., :num_shared, :], values[..., :num_shared, :])
                    for keys, values in self.layers
                ]
            ),
            "use_cache": True,
        }


class _Borrowed(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values of one text, put before those of every other.

    Nothing is kept: they are repeated for one layer at a time, and the next group finds them unchanged.
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._past = keys, values
        self.keys, self.values = keys, values
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *_args: Any, **_options: Any
    ) -> tuple[Tensor, Tensor]:
        """key_states and value_states (B, heads, T, width). Returns both with (B, heads, P + T, width)."""
        keys, values = self._past
        return _after(keys, key_states), _after(values, value_states)


def _after(past: Tensor, states: Tensor) -> Tensor:
    return torch.cat([past.expand(len(states), -1, -1, -1), states], dim=-2)


def _num_equal(ids: Sequence[int], prompt: Sequence[int]) -> int:
    pairs = enumerate(zip(ids, prompt, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(ids), len(prompt)))


def _has_plain_cache(config: PretrainedConfig) -> bool:
    layers = DynamicCache(config=config).layers
    kinds = {type(layer) for layer in layers}
    return kinds <= {DynamicLayer, DynamicSlidingWindowLayer} and len(layers) == config.num_hidden_layers
