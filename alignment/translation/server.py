"""A model behind a server that speaks the protocol of OpenAI's chat completions, as a translator."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from alignment.chat.pace import Pace
from alignment.chat.server import Server, ask
from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.translation.translator import Answer, Direction, Problem, checked

MAX_CHARACTERS = 4000
MAX_TOKENS = 4096
REQUEST = (
    "Translate the text below the line from {source} to {target}. Keep its line breaks and its tone. "
    "Write the translation alone, without any remark.\n---\n{text}"
)


class ServerTranslator:
    """Asks for each text by itself, several at a time, with temperature 0."""

    by_lines = False

    def __init__(self, server: Server, model: str, *, concurrency: int) -> None:
        if concurrency < 1:
            raise AlignmentError("--batch-size must be at least 1.")
        self.batch_size = concurrency
        self.identity = f"server {server.url} {model}"
        self._server = server
        self._model = model
        self._pace = Pace(0)

    def check(self, direction: Direction) -> None:
        """The model is believed to know both languages."""

    def length(self, piece: str, direction: Direction) -> int:
        return len(piece)

    def fits(self, piece: str, direction: Direction) -> bool:
        return len(piece) <= MAX_CHARACTERS

    def translate(self, pieces: Sequence[str], direction: Direction) -> list[Answer]:
        """Raises AlignmentError when the server refuses, or fails again and again."""
        with ThreadPoolExecutor(self.batch_size) as threads:
            return list(threads.map(partial(self._translate, direction), pieces))

    def _translate(self, direction: Direction, piece: str) -> Answer:
        source, target = (language_named(tag).name for tag in direction)
        text = REQUEST.format(source=source, target=target, text=piece)
        request = {
            "model": self._model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        }
        reply = ask(self._server, request, self._pace)
        if reply.error:
            raise AlignmentError(f"The server refused, with {reply.error}")
        answer = _answer(reply.body)
        if self._server.key and self._server.key in answer.text:
            return Answer(problem=Problem.UNSTORABLE)  # some servers repeat the key that they were sent
        return answer


def _answer(body: Any) -> Answer:
    match body:
        case {"choices": [{"finish_reason": "length"}, *_]}:
            return Answer(problem=Problem.UNFINISHED)
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return checked(text.strip())
    return Answer(problem=Problem.EMPTY)
