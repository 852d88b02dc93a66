"""A server that speaks the protocol of chat completions over real sockets, and does what a test tells it."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass
class Behaviour:
    """status 0 drops the connection without a word; raw goes out as it is in place of JSON."""

    body: Json = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


Brain = Callable[[Json, int], Behaviour]
"""What to do with a request. The number counts the requests from 0."""


def said(text: str | None, logprobs: dict[str, float] | None = None) -> Behaviour:
    """A chat completion; logprobs: probabilities of the first token, the one that was chosen first."""
    choice: Json = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if logprobs is not None:
        top = [{"token": token, "logprob": math.log(mass)} for token, mass in logprobs.items()]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return Behaviour({"object": "chat.completion", "choices": [choice]})


def failed(status: int, message: str = "", **headers: str) -> Behaviour:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Behaviour({"error": {"message": message, "type": "error"}}, status, sent)


class ChatServer:
    """requests: bodies as they came; keys: their Authorization headers; most: how many were held at once."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.requests: list[Json] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.held = self.most = 0
        self.lock = threading.Lock()
        self.url = ""


@contextmanager
def chat_server(brain: Brain) -> Iterator[ChatServer]:
    chat = ChatServer(brain)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(chat))
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(chat: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with chat.lock:
                number = len(chat.requests)
                chat.requests.append(body)
                chat.keys.append(self.headers.get("Authorization"))
                chat.paths.append(self.path)
                chat.held += 1
                chat.most = max(chat.most, chat.held)
            try:
                self.behave(chat.brain(body, number))
            finally:
                with chat.lock:
                    chat.held -= 1

        def behave(self, told: Behaviour) -> None:
            if told.status == 0:
                self.close_connection = True
                return
            content = json.dumps(told.body).encode() if told.raw is None else told.raw
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
