"""What a machine answered in both orders, and what follows: a probability, and what the order did to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import NamedTuple, Self

from alignment.judging.comparisons import Comparison
from alignment.judging.prompts import Question
from alignment.records import Json
from alignment.tasks import Task


class Basis(StrEnum):
    """What an answer rests on; all but the first two are abstentions."""

    PROBABILITIES = "probabilities"
    TEXT = "text"
    UNCLEAR = "unclear"
    TOO_LONG = "too_long"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a judge says to one question.

    question: its digest. probability: that the response shown as 1 is better; None where the judge abstained.
    mass: the probability of both digits together before they were made to sum to 1; None where unknown.
    text: what the judge wrote, or the likelier digit.
    """

    question: str
    probability: float | None
    basis: Basis
    mass: float | None = None
    text: str = ""

    def as_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, line: Json) -> Self:
        return cls(**{**line, "basis": Basis(line["basis"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A comparison's answers: `as_is` with its first response as 1, `swapped` with its second as 1."""

    id: str | int
    as_is: Answer
    swapped: Answer

    @property
    def probability(self) -> float | None:
        """That the first is better, averaged over both orders; None where either answer is an abstention.

        One order alone would hold the judge's liking for a place.
        """
        if self.as_is.probability is None or self.swapped.probability is None:
            return None
        return (self.as_is.probability + 1 - self.swapped.probability) / 2

    def as_json(self) -> Json:
        answers = [{"swapped": False, **_told(self.as_is)}, {"swapped": True, **_told(self.swapped)}]
        return {"id": self.id, "probability": self.probability, "answers": answers}


class Consistency(NamedTuple):
    """How much the order mattered, over the comparisons that were answered in both.

    agreement: share of them where both orders prefer the same response. shift: mean probability beyond one
    half that goes to the response shown as 1; 0 for a judge without a liking for a place, ½ for one that
    always says 1.
    """

    agreement: float
    shift: float
    num_comparisons: int


def questions_about(comparison: Comparison, task: Task) -> tuple[Question, Question]:
    """As it is, and swapped."""
    as_is, swapped = (Question.about(comparison, task, swapped=swapped) for swapped in (False, True))
    return as_is, swapped


def verdict_on(comparison: Comparison, task: Task, answers: Mapping[str, Answer]) -> Verdict:
    """answers: by the digest of their question."""
    as_is, swapped = (answers[question.digest] for question in questions_about(comparison, task))
    return Verdict(id=comparison.id, as_is=as_is, swapped=swapped)


def consistency(verdicts: Sequence[Verdict]) -> Consistency:
    """Raises ValueError when not one comparison was answered in both orders."""
    pairs = [
        (verdict.as_is.probability, verdict.swapped.probability)
        for verdict in verdicts
        if verdict.as_is.probability is not None and verdict.swapped.probability is not None
    ]
    if not pairs:
        raise ValueError("No comparison was answered in both orders.")
    agreement = fmean(_preferred(as_is) == -_preferred(swapped) for as_is, swapped in pairs)
    shift = fmean((as_is + swapped) / 2 - 0.5 for as_is, swapped in pairs)
    return Consistency(agreement, shift, len(pairs))


def _preferred(probability: float) -> int:
    """1 for what is shown as 1, -1 for what is shown as 2, 0 for neither."""
    return (probability > 0.5) - (probability < 0.5)


def _told(answer: Answer) -> Json:
    return {name: value for name, value in answer.as_json().items() if name != "question"}
