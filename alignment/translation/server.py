"""A model behind a server that speaks the protocol of OpenAI's chat completions, as a translator."""

import http.client
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.translation.translator import Answer, Direction, Problem, checked

KEY_VARIABLE = "POLYREWARD_TRANSLATION_KEY"
PASSING = {0, 408, 429, 500, 502, 503, 504}  # what a later try may mend; 0: no answer came
MAX_CHARACTERS = 4000
MAX_TOKENS = 4096
LONGEST_REST = 60.0
REQUEST = (
    "Translate the text below the line from {source} to {target}. Keep its line breaks and its tone. "
    "Write the translation alone, without any remark.\n---\n{text}"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """url: up to and without /chat/completions. key: "" for none; sent there and shown nowhere.

    model: as the server names it. first_rest: seconds; it doubles with each try that failed.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    max_tries: int = 6
    first_rest: float = 1.0
    timeout: float = 120.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise AlignmentError(
                "--server must be an address such as http://127.0.0.1:8000/v1, without a key."
            )
        if not (self.key.isascii() and self.key.isprintable()):
            raise AlignmentError(f"{KEY_VARIABLE} holds characters that no key has; copy it again.")


class _Reply(NamedTuple):
    status: int
    body: Any
    rest: float


class ServerTranslator:
    """Asks for each text by itself, several at a time, with temperature 0."""

    by_lines = False

    def __init__(
        self, server: Server, *, concurrency: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if concurrency < 1:
            raise AlignmentError("--batch-size must be at least 1.")
        self.batch_size = concurrency
        self.identity = f"server {server.url} {server.model}"
        self._server = server
        self._sleep = sleep

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
            "model": self._server.model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        }
        answer = _answer(self._ask(json.dumps(request).encode()))
        if self._server.key and self._server.key in answer.text:
            return Answer(problem=Problem.UNSTORABLE)  # some servers repeat the key that they were sent
        return answer

    def _ask(self, request: bytes) -> Any:
        reply = _Reply(0, None, 0.0)
        for number in range(self._server.max_tries):
            if number:
                self._sleep(min(max(reply.rest, self._server.first_rest * 2 ** (number - 1)), LONGEST_REST))
            reply = _try(self._server, request)
            if reply.status == http.HTTPStatus.OK:
                return reply.body
            if reply.status not in PASSING:
                break
        said = f"answered with status {reply.status}" if reply.status else "gave no answer"
        advice = f"check --server, --model and {KEY_VARIABLE}"
        raise AlignmentError(f"The translating server {said}; {advice}, then give the same command to go on.")


def server_from_environment(url: str, model: str) -> Server:
    return Server(url=url, model=model, key=os.environ.get(KEY_VARIABLE, ""))


def _try(server: Server, request: bytes) -> _Reply:
    """Redirections are not followed, so the key goes nowhere else."""
    parts = urlsplit(server.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=server.timeout)
    headers = {"Content-Type": "application/json"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    try:
        connection.request("POST", parts.path.rstrip("/") + "/chat/completions", request, headers)
        response = connection.getresponse()
        rest = response.headers.get("Retry-After", "")
        content = response.read()
        body = json.loads(content) if response.status == http.HTTPStatus.OK else None
        return _Reply(response.status, body, float(rest) if rest.isdecimal() else 0.0)
    except (OSError, http.client.HTTPException, ValueError):
        return _Reply(0, None, 0.0)
    finally:
        connection.close()


def _answer(body: Any) -> Answer:
    match body:
        case {"choices": [{"finish_reason": "length"}, *_]}:
            return Answer(problem=Problem.UNFINISHED)
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return checked(text.strip())
    return Answer(problem=Problem.EMPTY)
