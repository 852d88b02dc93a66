"""One request to a server that speaks the protocol of OpenAI's chat completions, tried until it succeeds."""

import http.client
import json
import math
import os
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

from alignment.chat.pace import Pace
from alignment.errors import AlignmentError

PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # what a later try may mend
LONGEST_REST = 600.0  # a server that wants a longer one is left alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where and how to ask.

    url: up to and without /chat/completions. key: sent to this server and shown nowhere; "" for none.
    max_tries, first_rest: a rest doubles with each try that failed, in seconds. timeout: of one try.
    """

    url: str
    key: str = field(default="", repr=False)
    max_tries: int = 6
    first_rest: float = 1.0
    timeout: float = 120.0

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AlignmentError("--server must be an address such as http://127.0.0.1:8000/v1.")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise AlignmentError(
                "--server must hold no key, question mark or #; a key goes into the environment."
            )
        if not (self.key.isascii() and self.key.isprintable()) or " " in self.key:
            raise AlignmentError("The server's key holds characters that no key has; copy it again.")

    @classmethod
    def at(cls, url: str, *, key_variable: str) -> Self:
        """The server at an address that a person gave; its key is read from the environment."""
        return cls(url=url.rstrip("/"), key=os.environ.get(key_variable, "").strip())

    def without_key(self, text: str) -> str:
        """For whatever the server says: some repeat the key that they were sent."""
        return text.replace(self.key, "[key]") if self.key else text


class Reply(NamedTuple):
    """status: 0 where none came. body: the JSON object, {} for anything else. error: "" for success.

    rest: how long the server wants to be left alone, in seconds; None where it does not say.
    """

    status: int
    body: dict[str, Any]
    error: str
    rest: float | None


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (read to see whether it is a number)
    except ValueError:
        parts = urlsplit("")
    return parts if url.isascii() and url.isprintable() and " " not in url else urlsplit("")


def ask(server: Server, request: dict[str, Any], pace: Pace) -> Reply:
    """Send the request until it is answered or refused for good.

    Raises AlignmentError when the last try failed in a way that a later one may mend.
    """
    for number in range(server.max_tries):
        pace.wait_for_turn()
        reply = _try(server, request)
        if not reply.error or reply.status not in PASSING | {0, 200}:
            return reply
        rest = server.first_rest * 2**number if reply.rest is None else max(reply.rest, server.first_rest)
        if rest > LONGEST_REST:
            raise AlignmentError(f"The server wants a rest of {rest:.0f} s; give the command again then.")
        pace.rest(rest)
    raise AlignmentError(
        f"The server failed {server.max_tries} times, at last so: {reply.error} "
        "What was answered is kept; give the command again to go on."
    )


def _try(server: Server, request: dict[str, Any]) -> Reply:
    """One try. Redirections are not followed, so the key goes nowhere else."""
    connection = _connection(server)
    path = urlsplit(server.url).path.rstrip("/") + "/chat/completions"
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    try:
        connection.request("POST", path, json.dumps(request).encode(), headers)
        response = connection.getresponse()
        return _reply(server, response.status, response.read(), response.headers.get("Retry-After"))
    except (OSError, http.client.HTTPException) as error:
        return Reply(0, {}, f"no answer came ({type(error).__name__}).", None)
    finally:
        connection.close()


def _connection(server: Server) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(str(parts.hostname), parts.port, timeout=server.timeout)


def _reply(server: Server, status: int, content: bytes, retry_after: str | None) -> Reply:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    whole = body if isinstance(body, dict) else {}
    if status == 200:
        error = "" if _choices(whole) else "its answer was no chat completion."
    else:
        error = f"status {status}: {server.without_key(_complaint(whole))}."
    return Reply(status, whole, error, _seconds(retry_after))


def _choices(body: dict[str, Any]) -> bool:
    choices = body.get("choices")
    return isinstance(choices, list) and bool(choices) and isinstance(choices[0], dict)


def _complaint(body: dict[str, Any]) -> str:
    """The server's own words, on one line."""
    error = body.get("error", body)
    message = error.get("message") if isinstance(error, dict) else error
    return " ".join(str(message or "no reason given").split())[:300].rstrip(".")


def _seconds(retry_after: str | None) -> float | None:
    """Of a header that holds seconds or a date; None for anything else."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
