"""What a planned run asks of a worker: the queue it stands in and the memory it takes. Pure."""

from typing import NamedTuple

from alignment.footprint import required_bytes
from alignment.tasks import task_named

CPU, GPU = "cpu", "gpu"
FROZEN = "frozen"
# After an out-of-memory error a batch is halved once: what then fits is tried.
ROWS_SAMPLED = 32
ROWS_TRAINED = 8
TOKENS_READ = {CPU: 256, GPU: 16_384}  # by a backbone at once (alignment/reward/batches.py)


class ModelSize(NamedTuple):
    """num_parameters: 0 where nobody knows before the model is prepared; dtype: as torch names it."""

    num_parameters: int = 0
    dtype: str = "bfloat16"


UNKNOWN_SIZE = ModelSize()


def queue_of(kind: str, method: str = FROZEN) -> str:
    """Where a run waits: the CPU is enough to choose, and to read texts with a backbone once."""
    if kind in ("best_of_n", "accuracy") or (kind == "reward_model" and method == FROZEN):
        return CPU
    return GPU


def memory_needed(kind: str, size: ModelSize, *, task: str, method: str = FROZEN) -> int:
    """Bytes that the run's model takes at least; 0 where that is not known, or there is none.

    Logits are not counted, because a vocabulary is trimmed to the languages in use.
    """
    if kind == "best_of_n" or not size.num_parameters:
        return 0
    rows, tokens = _batch(kind, task, method)
    return required_bytes(
        size.num_parameters, method=method, dtype=size.dtype, batch_size=rows, num_tokens=tokens
    )


def _batch(kind: str, task: str, method: str) -> tuple[int, int]:
    """Rows and tokens of the largest batch."""
    limits = task_named(task)
    longest = limits.max_prompt_tokens + limits.max_response_tokens
    if kind == "sample":
        return ROWS_SAMPLED, longest
    return (1, TOKENS_READ[queue_of(kind, method)]) if method == FROZEN else (ROWS_TRAINED, longest)
