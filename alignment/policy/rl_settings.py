"""How a policy is trained by reinforcement learning."""

from dataclasses import dataclass
from enum import StrEnum

from alignment.errors import AlignmentError
from alignment.tasks import task_named

POSITIVE = ("steps", "batch_size", "learning_rate", "max_response_tokens", "checkpoint_every", "max_kl")


class RLMethod(StrEnum):
    """RLOO compares a response with the others of its group; GRPO also divides by the group's deviation."""

    RLOO = "rloo"
    GRPO = "grpo"


@dataclass(frozen=True, kw_only=True, slots=True)
class RLSettings:
    """All that decides, with prompts, policy and reward model, what the trained policy becomes.

    task: key of the task; languages: tags of those in use; seed: for everything random; steps: updates of the
    policy; group: responses to one prompt, compared with one another; batch_size: responses per update;
    learning_rate: peak, after a warm-up over the first tenth of the steps and before a linear decay;
    kl_weight: what a nat of KL divergence from the starting policy costs, in rewards; max_kl: nats per
    response at which the training ends; checkpoint_every: steps between checkpoints.
    """

    task: str
    languages: tuple[str, ...]
    seed: int
    steps: int
    max_response_tokens: int
    method: RLMethod = RLMethod.RLOO
    kl_weight: float = 0.05
    max_kl: float = 50.0
    group: int = 4
    batch_size: int = 32
    learning_rate: float = 1e-6
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        task_named(self.task)
        for name in POSITIVE:
            if not getattr(self, name) > 0:
                raise AlignmentError(f"{name.replace('_', ' ').capitalize()} must be more than 0.")
        if not self.kl_weight >= 0:
            raise AlignmentError("The KL weight cannot be negative; use 0 for no penalty.")
        if self.group < 2:
            raise AlignmentError("A group needs at least 2 responses, which are compared with one another.")
        if self.batch_size % self.group:
            raise AlignmentError(
                f"A batch of {self.batch_size} responses cannot be made of groups of {self.group}; "
                "choose a multiple of the group."
            )

    @property
    def prompts_per_step(self) -> int:
        return self.batch_size // self.group
