"""Stands in for vLLM where it cannot be installed: the part of its offline API that we use, as documented.

Names, signatures, defaults, refusals and what the outputs hold follow vllm/entrypoints/llm.py,
vllm/sampling_params.py, vllm/outputs.py and vllm/logprobs.py; the responses come from transformers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

loaded: list["LLM"] = []
served: list[int] = []
ENGINE_ARGUMENTS = {"generation_config", "logprobs_mode", "max_model_len", "disable_log_stats"}


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: Sequence[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


@dataclass
class RequestOutput:
    request_id: str
    prompt: str | None
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    finished: bool = True


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprobs: int | None = None
    detokenize: bool = True
    skip_special_tokens: bool = True
    logit_bias: dict[int, float] | None = None
    stops: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 2.0:
            raise ValueError(f"temperature must be in [0, 2], got {self.temperature}.")
        self.stops = [self.stop] if isinstance(self.stop, str) else list(self.stop or [])
        if any(not text for text in self.stops):
            raise ValueError("stop cannot contain an empty string.")


class LLM:
    def __init__(
        self,
        model: str,
        *,
        trust_remote_code: bool = False,
        tensor_parallel_size: int = 1,
        dtype: str = "auto",
        seed: int = 0,
        **kwargs: object,
    ) -> None:
        if unknown := set(kwargs) - ENGINE_ARGUMENTS:
            raise TypeError(f"EngineArgs.__init__() got an unexpected keyword argument {unknown.pop()!r}")
        self.arguments = {"dtype": dtype, "tensor_parallel_size": tensor_parallel_size, **kwargs}
        self._policy = AutoModelForCausalLM.from_pretrained(model, dtype=dtype).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(model)
        loaded.append(self)

    def generate(
        self,
        prompts: Sequence[dict[str, list[int]]],
        sampling_params: Sequence[SamplingParams],
        *,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        if len(prompts) != len(sampling_params):
            raise ValueError("The lengths of prompts and params must be the same.")
        served.append(len(prompts))
        ids = [prompt["prompt_token_ids"] for prompt in prompts]
        return [
            RequestOutput(str(number), None, prompt, [self._complete(prompt, params)])
            for number, (prompt, params) in enumerate(zip(ids, sampling_params, strict=True))
        ]

    @torch.inference_mode()
    def _complete(self, prompt: list[int], params: SamplingParams) -> CompletionOutput:
        if len(prompt) >= self.arguments["max_model_len"]:
            raise ValueError("The decoder prompt is longer than the maximum model length.")
        chance = torch.Generator().manual_seed(params.seed)
        ids: list[int] = []
        logprobs: list[dict[int, Logprob]] = []
        while True:
            logits = self._policy(torch.tensor([prompt + ids])).logits[0, -1].float()
            biased = logits.clone()
            for token, bias in (params.logit_bias or {}).items():
                biased[token] += bias
            token = int(torch.multinomial((biased / params.temperature).softmax(0), 1, generator=chance))
            ids.append(token)
            logprobs.append({token: Logprob(float(logits.log_softmax(0)[token]))})
            reason, stop = self._ending(ids, len(prompt), params)
            if reason:
                return self._completion(ids, logprobs, params, reason, stop)

    def _ending(self, ids: list[int], num_read: int, params: SamplingParams):
        if ids[-1] == self._tokenizer.eos_token_id and not params.ignore_eos:
            return "stop", None
        if ids[-1] in (params.stop_token_ids or ()):
            return "stop", ids[-1]
        text = self._tokenizer.decode(ids, skip_special_tokens=params.skip_special_tokens)
        for stop in params.stops:
            if stop in text:
                return "stop", stop
        full = len(ids) == params.max_tokens or num_read + len(ids) >= self.arguments["max_model_len"]
        return ("length", None) if full else (None, None)

    def _completion(self, ids, logprobs, params, reason, stop) -> CompletionOutput:
        shown = ids[:-1] if reason == "stop" and not isinstance(stop, str) else ids
        text = self._tokenizer.decode(shown, skip_special_tokens=params.skip_special_tokens)
        return CompletionOutput(
            index=0,
            text=text.split(stop)[0] if isinstance(stop, str) else text,
            token_ids=ids,
            cumulative_logprob=None
            if params.logprobs is None
            else sum(each.logprob for position in logprobs for each in position.values()),
            logprobs=None if params.logprobs is None else logprobs,
            finish_reason=reason,
            stop_reason=stop,
        )
