"""Every random number of an experiment comes from its seed and the name of what it is drawn for."""

import hashlib

import numpy as np


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed of its own for the thing that `names` name: stable across machines, batches and restarts.

    Returns an integer in [0, 2**63).
    """
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *names))
