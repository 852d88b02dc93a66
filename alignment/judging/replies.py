"""Reading what a chat server replied: log-probabilities of the digits, else the text, else an abstention."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from alignment.judging.prompts import Question
from alignment.judging.verdicts import Answer, Basis

BLANK = " \t\r\n▁Ġ"  # servers that show raw pieces write a space as one of the last two
MIN_MASS = 0.01  # below it the digits are only noise beside what the judge wanted to say
KEPT_CHARACTERS = 200
_THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
_DIGIT = re.compile(
    r"\W*(?:(?:the )?(?:better |best )?(?:answer|response|summary|continuation|option|number)(?: is)?\W*)?"
    r"([12])(?: is (?:the )?(?:better|best|warmer)\b\D*)?[^\w+/-]*",
    re.IGNORECASE,
)


def answer_in(choice: dict[str, Any], question: Question) -> Answer:
    """choice: of a reply of /v1/chat/completions; whatever is odd in it counts as not there."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    text = storable(content) if isinstance(content, str) else ""
    masses = _masses(choice)
    mass = sum(masses.values())
    if mass >= MIN_MASS:
        return _answer(question, masses["1"] / mass, Basis.PROBABILITIES, text, min(mass, 1.0))
    digit = parsed(text)
    if digit:
        return _answer(question, float(digit == "1"), Basis.TEXT, text, None)
    return _answer(question, None, Basis.UNCLEAR, text, None)


def parsed(text: str) -> str:
    """The digit that a text answers with; "" where it does not, or names both."""
    lines = _THOUGHTS.sub("", text).strip().splitlines()
    found = _DIGIT.fullmatch(lines[0].strip()) if lines else None
    return found[1] if found else ""


def storable(text: str) -> str:
    """Without the characters that files or databases do not hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _answer(
    question: Question, probability: float | None, basis: Basis, text: str, mass: float | None
) -> Answer:
    return Answer(
        question=question.digest,
        probability=probability,
        basis=basis,
        mass=mass,
        text=text[:KEPT_CHARACTERS],
    )


def _masses(choice: dict[str, Any]) -> dict[str, float]:
    """The probability of each digit at the first token that is not blank; zeros where none is listed.

    A digit that is not listed has at most the probability of the least that is, and what the others leave.
    """
    listed = _listed(choice)
    masses = {
        digit: sum(probability for token, probability in listed.items() if token.strip(BLANK) == digit)
        for digit in "12"
    }
    if any(masses.values()):
        rest = max(0.0, min(1 - sum(listed.values()), *listed.values()))
        masses = {digit: mass or rest for digit, mass in masses.items()}
    return masses


def _listed(choice: dict[str, Any]) -> dict[str, float]:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    for position in content if isinstance(content, list) else ():
        if isinstance(position, dict) and str(position.get("token", "")).strip(BLANK):
            others = position.get("top_logprobs")
            return dict(_probabilities([position, *(others if isinstance(others, list) else ())]))
    return {}


def _probabilities(entries: Iterable[object]) -> Iterator[tuple[str, float]]:
    for entry in entries:
        match entry:
            case {"token": str(token), "logprob": float() | int() as logprob} if _is_number(logprob):
                yield token, math.exp(min(logprob, 0.0))


def _is_number(logprob: float) -> bool:
    return not isinstance(logprob, bool) and math.isfinite(logprob)
