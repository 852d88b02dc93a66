"""A pad token that is nothing else, which every batch of texts of different lengths needs."""

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

PAD = "<|pad|>"


def give_pad_token(checkpoint: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make sure that padding cannot be taken for anything else, least of all for the end of a sequence.

    Changes both arguments. A new token takes an unused row of the embeddings where there is one. Otherwise it
    gets a row of its own, the mean of all: a policy then gives it at most the mean probability of a token
    (exp of a mean logit is at most the mean of exp), and `generate` never writes it.
    """
    if tokenizer.pad_token_id in {tokenizer.eos_token_id, tokenizer.bos_token_id, None}:
        tokenizer.add_special_tokens({"pad_token": PAD})
        if len(tokenizer) == num_rows(checkpoint) + 1:
            _add_mean_row(checkpoint)
        _configure(checkpoint, "suppress_tokens", [tokenizer.pad_token_id])
    checkpoint.config.pad_token_id = tokenizer.pad_token_id
    _configure(checkpoint, "pad_token_id", tokenizer.pad_token_id)


def num_rows(checkpoint: PreTrainedModel) -> int:
    """How many tokens the checkpoint has embeddings for."""
    return len(_weight(checkpoint.get_input_embeddings()))


def _add_mean_row(checkpoint: PreTrainedModel) -> None:
    rows = num_rows(checkpoint)
    checkpoint.resize_token_embeddings(rows + 1, mean_resizing=False)
    output = checkpoint.get_output_embeddings()  # type: ignore[no-untyped-call]
    for embeddings in (checkpoint.get_input_embeddings(), output):
        if embeddings is not None:
            weight = _weight(embeddings)
            with torch.no_grad():
                weight[rows] = weight[:rows].float().mean(dim=0)


def _weight(embeddings: torch.nn.Module) -> torch.Tensor:
    """(V, H)."""
    return embeddings.get_parameter("weight")


def _configure(checkpoint: PreTrainedModel, name: str, value: object) -> None:
    if checkpoint.can_generate():
        setattr(checkpoint.generation_config, name, value)
