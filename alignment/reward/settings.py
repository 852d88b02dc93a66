"""How a reward model is trained."""

from dataclasses import dataclass, field
from enum import StrEnum

from alignment.errors import AlignmentError
from alignment.tasks import task_named
from alignment.training.settings import FineTuning

FEWEST_TOKENS = 16


class Method(StrEnum):
    """FROZEN fits a linear head on backbone features; LORA and FULL train the backbone with the head."""

    FROZEN = "frozen"
    LORA = "lora"
    FULL = "full"


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
