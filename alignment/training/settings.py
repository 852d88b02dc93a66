"""What every training by gradient is set up with."""

from dataclasses import dataclass

from alignment.errors import AlignmentError


@dataclass(frozen=True, kw_only=True, slots=True)
class FineTuning:
    """How weights are trained by gradient, all of them or low-rank adapters.

    epochs: passes over the data; learning_rate: peak, after a warm-up over the first tenth of the steps and
    before a linear decay; batch_size: examples per step; lora_rank: of the adapters, if any;
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
