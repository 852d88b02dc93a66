"""How a policy is fine-tuned on demonstrations."""

from dataclasses import dataclass, field
from enum import StrEnum

from alignment.errors import AlignmentError
from alignment.tasks import task_named
from alignment.training.settings import FineTuning

FEWEST_TOKENS = 16


class SFTMethod(StrEnum):
    """FULL trains all weights; LORA trains low-rank adapters, which are merged in the end."""

    FULL = "full"
    LORA = "lora"


@dataclass(frozen=True, kw_only=True, slots=True)
class SFTSettings:
    """All that decides, with data and policy, what the fine-tuned policy becomes.

    task: key of the task; languages: tags of those in use; seed: for everything random; max_tokens: limit of
    prompt and response together, 0 for the limits of the task.
    """

    task: str
    languages: tuple[str, ...]
    method: SFTMethod
    seed: int
    max_tokens: int = 0
    fine_tuning: FineTuning = field(default_factory=FineTuning)

    def __post_init__(self) -> None:
        task_named(self.task)
        if self.max_tokens and self.max_tokens < FEWEST_TOKENS:
            raise AlignmentError(
                f"Prompt and response need at least {FEWEST_TOKENS} tokens; raise the limit."
            )

    @property
    def limit(self) -> int:
        """Of prompt and response together, in tokens."""
        task = task_named(self.task)
        return self.max_tokens or task.max_prompt_tokens + task.max_response_tokens
