"""A causal language model on this machine as a judge: how likely it would answer 1, how likely 2."""

import math
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.judging.prompts import Question
from alignment.judging.verdicts import Answer, Basis
from alignment.policy.checkpoints import Policy, load_policy


class Fork(NamedTuple):
    """Token ids up to where the answers part, and the token with which each goes on."""

    ids: list[int]
    one: int
    two: int


class LocalJudge:
    """Reads each question alone, so that no answer depends on what is asked beside it."""

    def __init__(self, policy: Policy) -> None:
        self._model, self._tokenizer = policy
        self._limit: int | None = getattr(self._model.config, "max_position_embeddings", None)

    @classmethod
    def load(cls, directory: Path, *, float32: bool = False) -> "LocalJudge":
        """float32: compute in it, whatever is stored. Raises AlignmentError for no causal language model."""
        return cls(load_policy(directory, dtype=torch.float32 if float32 else None))

    def answers(
        self, questions: Sequence[Question], waiting: Callable[[], None]
    ) -> Generator[Answer, None, None]:
        """Yields an answer to each question, in order. waiting: never needed here."""
        for question in questions:
            yield self._answer(question)

    @torch.inference_mode()
    def _answer(self, question: Question) -> Answer:
        fork = fork_of(question, self._tokenizer)
        if self._limit is not None and len(fork.ids) >= self._limit:
            return Answer(question=question.digest, probability=None, basis=Basis.TOO_LONG)
        tokens = torch.tensor([fork.ids], device=self._model.device)
        logprobs = self._model(tokens, logits_to_keep=1).logits[0, -1].float().log_softmax(dim=-1)  # (V,)
        one, two = logprobs[fork.one].item(), logprobs[fork.two].item()
        if not math.isfinite(one + two):
            raise AlignmentError("This judge's probabilities are no numbers; choose another checkpoint.")
        probability = 1 / (1 + math.exp(two - one)) if two - one < 700 else 0.0
        return Answer(
            question=question.digest,
            probability=probability,
            basis=Basis.PROBABILITIES,
            mass=math.exp(one) + math.exp(two),
            text="1" if one >= two else "2",
        )


def fork_of(question: Question, tokenizer: PreTrainedTokenizerBase) -> Fork:
    """The question as tokens, in the chat template if the tokenizer has one.

    A response that spells a special token, such as the end of a turn, is read as plain characters: it must
    not end the question. Raises AlignmentError when the tokenizer does not tell the digits apart.
    """
    one, two = (_encoded(question, digit, tokenizer) for digit in "12")
    for position, (a, b) in enumerate(zip(one, two, strict=False)):
        if a != b:
            return Fork(one[:position], a, b)
    raise AlignmentError("This judge's tokenizer does not tell the digits 1 and 2 apart; choose another one.")


def _encoded(question: Question, digit: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    if not tokenizer.chat_template:
        plain = f"{question.text}\n\nAnswer: {digit}"
        return list(tokenizer(plain, split_special_tokens=True, verbose=False)["input_ids"])
    before, after = _around_content(tokenizer)
    parts = ((before, False), (question.text, True), (after + digit, False))
    return [
        token
        for text, plain in parts
        for token in tokenizer(text, add_special_tokens=False, split_special_tokens=plain, verbose=False)[
            "input_ids"
        ]
    ]


def _around_content(tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    """What the template puts before and after what a user says, up to where the assistant begins."""
    mark = "the-question-stands-here"
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": mark}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    before, _, after = str(chat).partition(mark)
    return before, after
