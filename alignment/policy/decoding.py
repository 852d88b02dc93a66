"""Writing responses token by token: many at once, each from a stream of random numbers of its own.

In float32 a response is what it would be alone. In bfloat16 logits are rounded otherwise in another batch,
and one token in fifty comes out differently: a third of Gemma 3 270M's responses of 24 tokens (batches of 17
and of 64). The same batches always give the same responses.

R responses in the making, P distinct prompts, T tokens so far, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from alignment.policy.logprobs import token_logprobs
from alignment.policy.noise import Noise


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """Where a response ends: at a token of `eos`, with the token that completes `stop`, or at the limit.

    stop: a text, "" for none; max_tokens: the limit.
    """

    tokenizer: PreTrainedTokenizerBase
    eos: frozenset[int]
    stop: str
    max_tokens: int

    def reached(self, ids: Sequence[int]) -> bool:
        """The policy has ended the response itself."""
        if ids[-1] in self.eos:
            return True
        # A character is at most four tokens of one byte each, so the newest tokens show the whole stop text.
        return bool(self.stop) and self.stop in self._decode(ids[-4 * len(self.stop) :])

    def text(self, ids: Sequence[int]) -> str:
        """What a reader sees: nothing from the stop text on, no half character where the limit cut one."""
        text = self._decode(ids).replace("\0", "")
        return (text.split(self.stop)[0] if self.stop else text).rstrip("\ufffd").strip()

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


class Written(NamedTuple):
    """A response as tokens. logprob: under the policy at temperature 1; finished: see `Ending.reached`."""

    ids: list[int]
    logprob: float
    finished: bool


@dataclass(kw_only=True, slots=True)
class _Row:
    noise: Noise
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finished: bool = False


class _State(NamedTuple):
    """logits (R, V) for the next tokens; mask (R, T) is 0 on the padding left of short prompts."""

    logits: Tensor
    mask: Tensor
    cache: Cache


@torch.inference_mode()
def write_responses(
    policy: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    noises: Sequence[Noise],
    ending: Ending,
    temperature: float,
) -> list[Written]:
    """Sample one response to each of R prompts, given as token ids; equal prompts are read once.

    Each row draws from a noise stream of its own, so its neighbours do not matter. A row that has ended
    leaves the batch.
    """
    rows = [_Row(noise=noise) for noise in noises]
    never = policy.generation_config.suppress_tokens or []
    state = _read(policy, prompts)
    writing = rows
    while True:
        tokens = sample_tokens(state.logits, [row.noise for row in writing], temperature, never)  # (R,)
        logprobs = token_logprobs(state.logits, tokens)  # (R,)
        for row, token, logprob in zip(writing, tokens.tolist(), logprobs.tolist(), strict=True):
            row.ids.append(token)
            row.logprob += logprob
            row.finished = ending.reached(row.ids)
        going = [
            place
            for place, row in enumerate(writing)
            if not row.finished and len(row.ids) < ending.max_tokens
        ]
        if not going:
            return [Written(row.ids, row.logprob, row.finished) for row in rows]
        writing = [writing[place] for place in going]
        state = _step(policy, state, tokens, going)


def _read(policy: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> _State:
    """Read the P distinct prompts, padded on the left, and share the result among the R rows."""
    distinct = list(dict.fromkeys(map(tuple, prompts)))
    width = max(map(len, distinct))
    padding = [[0] * (width - len(prompt)) for prompt in distinct]
    tokens = torch.tensor([[*pad, *ids] for pad, ids in zip(padding, distinct, strict=True)])  # (P, T)
    mask = torch.tensor([[*pad, *[1] * len(ids)] for pad, ids in zip(padding, distinct, strict=True)])
    output = policy(
        tokens.to(policy.device),
        attention_mask=mask.to(policy.device),
        position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0).to(policy.device),
        past_key_values=DynamicCache(config=policy.config),
        use_cache=True,
        logits_to_keep=1,
    )
    sources = {prompt: place for place, prompt in enumerate(distinct)}
    shared = torch.tensor([sources[tuple(prompt)] for prompt in prompts], device=policy.device)  # (R,)
    output.past_key_values.batch_select_indices(shared)
    return _State(output.logits[shared, -1], mask.to(policy.device)[shared], output.past_key_values)


def _step(policy: PreTrainedModel, state: _State, tokens: Tensor, going: Sequence[int]) -> _State:
    """Feed the newest tokens (R,) of the rows that go on."""
    mask = state.mask
    if len(going) < len(tokens):
        kept = torch.tensor(going, device=tokens.device)
        tokens, mask = tokens[kept], mask[kept]
        state.cache.batch_select_indices(kept)
    mask = torch.cat([mask, mask.new_ones(len(going), 1)], dim=1)  # (R, T + 1)
    output = policy(
        tokens.unsqueeze(1),
        attention_mask=mask,
        position_ids=mask.sum(dim=1, keepdim=True) - 1,
        past_key_values=state.cache,
        use_cache=True,
    )
    return _State(output.logits[:, -1], mask, output.past_key_values)


def sample_tokens(
    logits: Tensor, noises: Sequence[Noise], temperature: float, never: Sequence[int] = ()
) -> Tensor:
    """Exact samples of softmax(logits / temperature), by the Gumbel-max trick. logits (R, V). Returns (R,).

    The token with the smallest noise / probability wins. Unlike a draw from the cumulative distribution
    this hardly changes when another batch shape rounds the logits otherwise. never: tokens not to draw.
    """
    if never:
        logits = logits.index_fill(-1, torch.tensor(never, device=logits.device), -torch.inf)
    # One row after the other: its few hundred kilobytes stay in the cache of a CPU.
    return torch.stack(
        [
            torch.add(row, draw(len(row)).log(), alpha=-temperature).argmax()
            for row, draw in zip(logits, noises, strict=True)
        ]
    )
