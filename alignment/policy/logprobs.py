"""Log-probabilities of responses under a policy.

B responses, T tokens, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel


def token_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Natural log-probability of each token, in float32. logits (…, V) predict tokens (…). Returns (…)."""
    chosen = logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1).float()  # (…)
    return chosen - logits.float().logsumexp(dim=-1)


def response_logprobs(
    policy: PreTrainedModel, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]]
) -> Tensor:
    """Sum log p(token) over the tokens of each response, given its prompt.

    prompts and responses: B lists of token ids, no prompt empty; end of sequence counts where it is among
    them. Returns (B,), with gradients unless the caller turns them off.
    """
    rows = [[*prompt, *response] for prompt, response in zip(prompts, responses, strict=True)]
    tokens, mask = _padded(rows, policy.device)  # (B, T), (B, T)
    # Only positions from the end of the shortest prompt on are needed: the logits are what fills the memory.
    first = min(map(len, prompts)) - 1
    logits = policy(tokens, attention_mask=mask, logits_to_keep=tokens.shape[1] - first).logits
    logprobs = token_logprobs(logits[:, :-1], tokens[:, first + 1 :])  # (B, T - first - 1)
    positions = torch.arange(first + 1, tokens.shape[1], device=policy.device)
    starts = torch.tensor([len(prompt) for prompt in prompts], device=policy.device)
    in_response = (positions >= starts.unsqueeze(1)) & mask[:, first + 1 :].bool()
    return logprobs.masked_fill(~in_response, 0.0).sum(dim=-1)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both (B, T), padded on the right: a causal policy never looks there."""
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return tokens, mask
