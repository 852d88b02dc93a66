"""Random numbers for sampling: one endless stream for each response, whatever else is sampled beside it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Noise = Callable[[int], Tensor]
"""Draws that many Exponential(1) numbers, float32, on the policy's device; never zero."""


def noise_stream(seed: int, device: torch.device) -> Noise:
    """The stream of a seed. A CPU and a GPU have streams of their own, each the same on every machine."""
    return device_noise(seed, device) if device.type == "cuda" else host_noise(seed, device)


def host_noise(seed: int, device: torch.device) -> Noise:
    """Drawn by numpy, four times as fast on a CPU as torch."""
    source = np.random.default_rng(seed)
    return lambda size: torch.from_numpy(source.standard_exponential(size)).to(device, torch.float32)


def device_noise(seed: int, device: torch.device) -> Noise:
    """Drawn where the policy is; as float64, because the small numbers decide and float32 rounds them."""
    source = torch.Generator(device).manual_seed(seed)

    def draw(size: int) -> Tensor:
        numbers = torch.empty(size, dtype=torch.float64, device=device)
        return numbers.exponential_(generator=source).float()

    return draw
