"""Which library writes the responses: transformers anywhere, or vLLM where it is installed and pays."""

from collections.abc import Callable, Collection, Iterator, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import torch
from transformers import PreTrainedTokenizerBase

from alignment.devices import read_machine
from alignment.errors import AlignmentError
from alignment.policy.checkpoints import load_policy
from alignment.policy.generation import SamplingSettings, sample_pool
from alignment.policy.instructions import PolicyInput
from alignment.records import PromptPool

TRANSFORMERS = "transformers"


class EngineChoice(StrEnum):
    """AUTO: vLLM where it is installed and there is an accelerator, else transformers."""

    AUTO = "auto"
    TRANSFORMERS = "transformers"
    VLLM = "vllm"


class Engine(Protocol):
    """A policy that is ready to write."""

    tokenizer: PreTrainedTokenizerBase

    def pools(
        self, inputs: Sequence[PolicyInput], settings: SamplingSettings, *, done: Collection[str] = ()
    ) -> Iterator[PromptPool]:
        """What `generation.sample_pool` says."""


class TransformersEngine:
    """Our own decoding, in which no response depends on what is written beside it."""

    def __init__(self, directory: Path, dtype: torch.dtype | None, say: Callable[[str], None]) -> None:
        self._policy, self.tokenizer = load_policy(directory, dtype=dtype)
        self._say = say

    def pools(
        self, inputs: Sequence[PolicyInput], settings: SamplingSettings, *, done: Collection[str] = ()
    ) -> Iterator[PromptPool]:
        return sample_pool(self._policy, self.tokenizer, inputs, settings, done=done, say=self._say)


def engine_name(choice: EngineChoice) -> str:
    """What will write, with the version where another one may write other responses.

    Raises AlignmentError when vLLM is asked for and not installed.
    """
    installed = _vllm_version()
    if choice is EngineChoice.VLLM and not installed:
        raise AlignmentError(
            "vLLM is not installed here: run pip install vllm, or use --engine transformers."
        )
    wanted = choice is EngineChoice.VLLM or (choice is EngineChoice.AUTO and read_machine().devices)
    return f"vllm {installed}" if installed and wanted else TRANSFORMERS


def open_engine(
    name: str, directory: Path, dtype: torch.dtype | None, say: Callable[[str], None] = lambda note: None
) -> Engine:
    """The policy in the engine that `engine_name` named.

    dtype: None for the one it is stored in; say: told when the memory does not suffice.
    """
    if name == TRANSFORMERS:
        return TransformersEngine(directory, dtype, say)
    from alignment.policy.vllm_engine import VllmEngine  # rarely needed

    return VllmEngine(directory, dtype, num_devices=len(read_machine().devices))


def _vllm_version() -> str | None:
    try:
        return version("vllm")
    except PackageNotFoundError:
        return None
