"""How a reward model is trained."""

from dataclasses import dataclass, field
from enum import StrEnum

from alignment.errors import AlignmentError
from alignment.tasks import task_named

FEWEST_TOKENS = 16


class Method(StrEnum):
    """FROZEN fits a linear head on backbone features; LORA and FULL train the backbone with the head."""

    FROZEN = "frozen"
    LORA = "lora"
    FULL = "full"


@dataclass(frozen=True, kw_only=True, slots=True)
class FineTuning:
    """What only `lora` and `full` heed.

    epochs: passes over the data; learning_rate: peak, after a warm-up over the first tenth of the steps and
    before a linear decay; batch_size: examples per step; lora_rank: of the adapters;
    checkpoint_every: steps between checkpoints.
    """

    epochs: float = 1.0
    learning_rate: float = 1e-5
    batch_size: int = 16
    lora_rank: int = 16
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate", "batch_size", "lora_rank", "checkpoint_every"):
            if not getattr(self, name) > 0:
                raise AlignmentError(f"{name.replace('_', ' ').capitalize()} must be more than 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardSettings:
    """All that decides, with data and backbone, what a reward model becomes.

    task: key of the task; seed: for everything random; max_tokens: limit of one input, lowered to what the
    backbone can read; max_examples: a seeded subset of the training split, 0 for all of it.
    """

    task: str
    method: Method
    seed: int
    max_tokens: int = 1024
    max_examples: int = 0
    fine_tuning: FineTuning = field(default_factory=FineTuning)

    def __post_init__(self) -> None:
        task_named(self.task)
        if self.max_tokens < FEWEST_TOKENS:
            raise AlignmentError(f"Inputs need at least {FEWEST_TOKENS} tokens; raise the limit.")
        if self.max_examples < 0:
            raise AlignmentError("The number of examples cannot be negative; use 0 for all of them.")
