"""A machine with little memory, for tests: embeddings refuse to look up many rows of tokens at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook


@contextmanager
def little_memory(rows: int, *, after: int = 0, while_training: bool = True) -> Iterator[list[int]]:
    """Raise torch.OutOfMemoryError for more than so many rows. Yields the sizes of those that failed.

    after: so many forward passes are let through first; while_training: those of other modes are not heeded.
    """
    passes, failed = 0, []

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal passes
        of_tokens = isinstance(module, nn.Embedding) and module.padding_idx is not None
        if not of_tokens or (while_training and not module.training):
            return
        passes += 1
        if passes > after and len(inputs[0]) > rows:
            failed.append(len(inputs[0]))
            raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = register_module_forward_pre_hook(hook)
    try:
        yield failed
    finally:
        handle.remove()
