"""The tiny policy, loaded once."""

from pathlib import Path
from typing import NamedTuple

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from alignment.policy.decoding import Ending, Written, write_responses
from alignment.policy.noise import noise_stream


class Tiny(NamedTuple):
    policy: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def ids(self, *texts: str) -> list[list[int]]:
        return [self.tokenizer(text)["input_ids"] for text in texts]

    def ending(self, *, stop: str = "", max_tokens: int = 24, eos: frozenset[int] | None = None) -> Ending:
        ends = frozenset({self.tokenizer.eos_token_id}) if eos is None else eos
        return Ending(tokenizer=self.tokenizer, eos=ends, stop=stop, max_tokens=max_tokens)

    def write(self, prompts: list[list[int]], seeds: list[int], ending: Ending) -> list[Written]:
        noises = [noise_stream(seed, self.policy.device) for seed in seeds]
        return write_responses(self.policy, prompts, noises, ending, 1.0)


@pytest.fixture(scope="session")
def tiny(tiny_policy: Path) -> Tiny:
    return Tiny(
        AutoModelForCausalLM.from_pretrained(tiny_policy).eval(), AutoTokenizer.from_pretrained(tiny_policy)
    )
