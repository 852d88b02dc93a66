"""What is known about a policy fine-tuned on demonstrations, kept beside its weights in policy.json."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from alignment.policy.card_file import read_card, write_card

STAGE = "sft"


@dataclass(frozen=True, kw_only=True, slots=True)
class DemonstrationCounts:
    """The demonstrations of one language.

    train, validation: those that were used; too_long: left out, because prompt and response together are
    longer than the limit; truncated: whose prompt was cut to the task's limit, used or not.
    """

    train: int = 0
    validation: int = 0
    too_long: int = 0
    truncated: int = 0

    def with_one(self, split: str, *, too_long: bool, truncated: bool) -> Self:
        """One more of a split."""
        place = "too_long" if too_long else split
        return replace(self, **{place: getattr(self, place) + 1, "truncated": self.truncated + truncated})


@dataclass(frozen=True, kw_only=True, slots=True)
class SFTCard:
    """Where a policy comes from and what became of it.

    base: the policy it started as; losses: nats per token of the response, `loss` over the last steps of the
    training; validation: the loss on the validation examples by step; step: whose weights these are, the one
    with the lowest of them; notes: what was decided on the way. identity: of the order that asked for it.
    """

    identity: str
    settings: dict[str, Any]
    data_digest: str
    base: dict[str, str]
    code: dict[str, str]
    counts: dict[str, DemonstrationCounts]
    max_tokens: int
    losses: dict[str, float]
    validation: dict[str, float]
    step: int
    notes: tuple[str, ...]

    def write(self, directory: Path) -> None:
        write_card(directory, STAGE, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises AlignmentError where there is no such policy."""
        content = read_card(directory, STAGE)
        content["counts"] = {tag: DemonstrationCounts(**one) for tag, one in content["counts"].items()}
        content["notes"] = tuple(content["notes"])
        return cls(**content)
