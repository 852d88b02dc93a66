"""A model behind a chat server as a judge: several requests under way, answers as they come."""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from alignment.chat.pace import Pace
from alignment.chat.server import Reply, Server, ask
from alignment.errors import AlignmentError
from alignment.judging.prompts import Question
from alignment.judging.replies import answer_in
from alignment.judging.verdicts import Answer, Basis

MAX_TOKENS = 8
LISTED = (20, 5, 0)  # log-probabilities asked for: servers refuse more than they know
TICK = 5.0
REFUSING = {400, 413, 422}  # this question, not every one
_FILTERED = re.compile(r"content.{0,30}(filter|policy)", re.IGNORECASE)
_TOO_LONG = re.compile(r"context.{0,30}(length|size|window)|too long", re.IGNORECASE)


class RemoteJudge:
    """model: as the server names it; concurrency: of requests; max_per_minute: 0 for no limit."""

    def __init__(self, server: Server, model: str, *, concurrency: int, max_per_minute: int) -> None:
        if concurrency < 1 or max_per_minute < 0:
            raise AlignmentError("--concurrency must be at least 1, and --max-per-minute at least 0.")
        self._server = server
        self._model = model
        self._concurrency = concurrency
        self._pace = Pace(max_per_minute)
        self._listed = LISTED[0]

    def answers(
        self, questions: Sequence[Question], waiting: Callable[[], None]
    ) -> Generator[Answer, None, None]:
        """Yields an answer to each question, as they come. waiting: called every few seconds without any.

        Raises AlignmentError when the server refuses, or fails again and again.
        """
        left = iter(questions)
        with ThreadPoolExecutor(self._concurrency) as threads:
            under_way = {threads.submit(self._answer, each) for each in islice(left, self._concurrency)}
            try:
                while under_way:
                    done, under_way = wait(under_way, timeout=TICK, return_when=FIRST_COMPLETED)
                    under_way |= {threads.submit(self._answer, each) for each in islice(left, len(done))}
                    yield from _whole(done)
                    if not done:
                        waiting()
            finally:
                self._pace.stop()

    def _answer(self, question: Question) -> Answer:
        reply = self._reply(question)
        if not reply.error:
            return answer_in(_without_key(reply.body["choices"][0], self._server), question)
        if reply.status in REFUSING and _TOO_LONG.search(reply.error):
            return Answer(question=question.digest, probability=None, basis=Basis.TOO_LONG)
        if reply.status in REFUSING and _FILTERED.search(reply.error):
            return Answer(question=question.digest, probability=None, basis=Basis.REFUSED)
        raise AlignmentError(f"The server refused, with {reply.error}")

    def _reply(self, question: Question) -> Reply:
        """With as many log-probabilities as the server gives."""
        while True:
            listed = self._listed
            reply = ask(self._server, self._request(question, listed), self._pace)
            refused = reply.status in REFUSING and "logprobs" in reply.error
            if not (refused and listed):
                return reply
            self._listed = min(self._listed, LISTED[LISTED.index(listed) + 1])

    def _request(self, question: Question, listed: int) -> dict[str, Any]:
        """A user turn alone: not every chat template knows a system turn."""
        logprobs = {"logprobs": True, "top_logprobs": listed} if listed else {}
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": question.text}],
            "max_tokens": MAX_TOKENS,
            "temperature": 0,
            **logprobs,
        }


def _whole(done: set[Future[Answer]]) -> Iterator[Answer]:
    """What was answered, before the first failure is raised."""
    for future in done:
        if future.exception() is None:
            yield future.result()
    for future in done:
        future.result()


def _without_key(choice: dict[str, Any], server: Server) -> dict[str, Any]:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        return choice
    return {**choice, "message": {"content": server.without_key(content)}}
