"""What is known about a reward model, kept beside its weights in reward_model.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from alignment.errors import AlignmentError
from alignment.reward.formatting import Layout
from alignment.statistics.accuracy import LengthRule

CARD_NAME = "reward_model.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageCounts:
    """The training and validation examples of one language.

    dropped: pairs whose two inputs became the same; truncated: inputs cut to the limit;
    tokens_per_character: before any cut.
    """

    pairs: int
    ratings: int
    dropped: int
    truncated: int
    tokens_per_character: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RatingBaselines:
    """The share of good training ratings, and the best rule by length alone on them (see LengthRule)."""

    good_share: float
    length_cut: int
    longer_is_good: bool

    @property
    def length_rule(self) -> LengthRule:
        return LengthRule(self.length_cut, self.longer_is_good)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardModelCard:
    """Where a reward model comes from and how its inputs and rewards are made.

    feedback: pairs, ratings or both; mean_characters: of the training responses; rating_baselines: None
    where there are no training ratings; mean, deviation: of the logits on the `measured_on` split; rewards
    are measured in them. identity: of the order that asked for it; notes: what was decided on the way.
    """

    identity: str
    task: str
    feedback: str
    layout: Layout
    settings: dict[str, Any]
    data_digest: str
    backbone: dict[str, str]
    code: dict[str, str]
    counts: dict[str, LanguageCounts]
    mean_characters: float
    rating_baselines: RatingBaselines | None
    metrics: dict[str, float]
    measured_on: str
    mean: float
    deviation: float
    notes: tuple[str, ...] = ()

    def write(self, directory: Path) -> None:
        text = json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=2, sort_keys=True)
        (directory / CARD_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises AlignmentError where there is no reward model of this format."""
        try:
            content = json.loads((directory / CARD_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AlignmentError(
                f"{directory} holds no reward model; name one made by train-reward."
            ) from error
        if content.pop("format", None) != FORMAT:
            raise AlignmentError(f"{directory} was written by another version; train the reward model again.")
        content["layout"] = Layout(**content["layout"])
        content["counts"] = {tag: LanguageCounts(**counts) for tag, counts in content["counts"].items()}
        if content["rating_baselines"]:
            content["rating_baselines"] = RatingBaselines(**content["rating_baselines"])
        content["notes"] = tuple(content.get("notes", ()))
        return cls(**content)
