"""Responses written by vLLM (0.10 and later): many at once on an accelerator, from random numbers of its own.

Prompts, seeds, endings and records are those of our own decoding. The responses are not: vLLM draws in
another way, and rounds by what else is in the batch.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from alignment.errors import AlignmentError
from alignment.policy.checkpoints import read_policy
from alignment.policy.decoding import Ending
from alignment.policy.generation import Row, SamplingSettings, Writer, ending_for, row_seed, write_pools
from alignment.policy.instructions import PolicyInput
from alignment.records import PooledResponse, PromptPool

ROWS_PER_CALL = 1024  # enough to keep it busy; a kill loses as many
TEMPERATURES = (0.01, 2.0)  # it refuses higher ones, and raises lower ones without a word
FORBIDDEN = -100.0  # the lowest bias that it takes
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # else the order in which requests are served is left to chance
    "VLLM_NO_USAGE_STATS": "1",
}


class VllmEngine:
    """A policy in vLLM, loaded with the first prompts: their lengths decide what memory is set aside."""

    def __init__(self, directory: Path, dtype: torch.dtype | None, *, num_devices: int) -> None:
        self._directory, self._dtype, self._num_devices = directory, dtype, num_devices
        self._policy = read_policy(directory)
        self.tokenizer = self._policy.tokenizer

    def pools(
        self, inputs: Sequence[PolicyInput], settings: SamplingSettings, *, done: Collection[str] = ()
    ) -> Iterator[PromptPool]:
        """Leave out what is done. The rest need not be to the last token what it would have been with it."""
        low, high = TEMPERATURES
        if not low <= settings.temperature <= high:
            raise AlignmentError(
                f"vLLM samples at temperatures from {low:g} to {high:g}; choose one of them."
            )
        left = [each for each in inputs if each.prompt.key not in done]
        if left:
            many = replace(settings, rows_per_batch=max(settings.rows_per_batch, ROWS_PER_CALL))
            yield from write_pools(self._writer(left, settings), left, many)

    def _writer(self, inputs: Sequence[PolicyInput], settings: SamplingSettings) -> Writer:
        ending = ending_for(self._policy.generation, self.tokenizer, settings)
        longest = max(len(each.ids) for each in inputs) + settings.max_response_tokens
        vllm, llm = self._load(longest)
        shared = self._sampling(settings, ending)

        def write(batch: Sequence[Row]) -> list[PooledResponse]:
            drawn = [vllm.SamplingParams(seed=row_seed(row, settings), **shared) for row in batch]
            prompts = [{"prompt_token_ids": row.input.ids} for row in batch]
            outputs = llm.generate(prompts, drawn, use_tqdm=False)
            return [_response(output.outputs[0], ending) for output in outputs]

        return write

    def _load(self, longest: int) -> tuple[Any, Any]:
        """The library and the policy in it."""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            vllm = import_module("vllm")
            llm = vllm.LLM(
                model=str(self._directory),
                trust_remote_code=False,
                generation_config="vllm",  # nothing but what we ask for
                logprobs_mode="raw_logprobs",  # under the policy itself, whatever the temperature
                dtype="auto" if self._dtype is None else str(self._dtype).removeprefix("torch."),
                max_model_len=longest,
                tensor_parallel_size=_num_shards(
                    self._policy.config.get_text_config().num_attention_heads, self._num_devices
                ),
            )
        except (ImportError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise AlignmentError(
                f"vLLM cannot load this policy ({reason}); use --engine transformers."
            ) from error
        return vllm, llm

    def _sampling(self, settings: SamplingSettings, ending: Ending) -> dict[str, Any]:
        """What all requests share. Where nothing is said, vLLM samples from the policy as it is."""
        never = self._policy.generation.suppress_tokens or []
        return {
            "temperature": settings.temperature,
            "max_tokens": settings.max_response_tokens,
            "stop": [settings.stop] if settings.stop else None,
            "stop_token_ids": sorted(ending.eos),
            "logprobs": 0,  # of the token drawn, and of no others
            "logit_bias": dict.fromkeys(never, FORBIDDEN) or None,
        }


def _num_shards(num_heads: int, num_devices: int) -> int:
    """On how many devices the policy is spread: each takes equally many attention heads."""
    return max(count for count in range(1, max(num_devices, 1) + 1) if num_heads % count == 0)


def _response(completion: Any, ending: Ending) -> PooledResponse:
    """completion: a `CompletionOutput`; its tokens include the one that ended it."""
    if completion.finish_reason not in ("stop", "length"):
        raise RuntimeError(f"vLLM gave up a response: {completion.finish_reason}.")
    ids = list(completion.token_ids)
    drawn = zip(ids, completion.logprobs, strict=True)
    return PooledResponse(
        text=ending.text(ids),
        logprob=sum(position[token].logprob for token, position in drawn),
        num_tokens=len(ids),
        finished=completion.finish_reason == "stop",
    )
