"""What is known about a policy trained by reinforcement learning, kept beside its weights in policy.json."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from alignment.policy.card_file import read_card, write_card

STAGE = "rl"


@dataclass(frozen=True, kw_only=True, slots=True)
class RLCard:
    """Where a policy comes from and what became of it.

    prompts, truncated: how many there were and were cut to the task's limit, by language; policy: the one it
    started as; reward_model: what its rewards came from; metrics: of fresh responses to the same prompts, the
    start's with `_before` in their names; step: whose policy this is; stopped: why it ended before its time,
    "" where it did not; notes: what was decided on the way. identity: of the order that asked for it.
    """

    identity: str
    settings: dict[str, Any]
    data_digest: str
    prompts: dict[str, int]
    truncated: dict[str, int]
    policy: dict[str, str]
    reward_model: dict[str, str]
    code: dict[str, str]
    metrics: dict[str, float]
    step: int
    stopped: str
    notes: list[str]

    def write(self, directory: Path) -> None:
        write_card(directory, STAGE, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises AlignmentError where there is no such policy."""
        return cls(**read_card(directory, STAGE))
