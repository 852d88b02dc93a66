import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alignment.chat.server import Server
from alignment.commands.translate import KEY_VARIABLE
from alignment.errors import AlignmentError
from alignment.translation.server import ServerTranslator
from alignment.translation.translator import Direction, Problem
from tests.alignment.translation.conftest import TURKISH, read_lines

KEY = "sk-very-secret"
INTO_TURKISH = Direction("en", "tr")


class Handler(BaseHTTPRequestHandler):
    """Translates the known phrases; first gives what `troubles` holds."""

    def do_POST(self):  # noqa: N802 (its name in the library)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], request))
        trouble = self.server.troubles.pop(0) if self.server.troubles else 200
        if trouble == "drop":
            return
        text = request["messages"][0]["content"].split("---\n")[1]
        choice = {"message": {"content": TURKISH.get(text, text)}, "finish_reason": "stop"}
        choice |= trouble if isinstance(trouble, dict) else {}
        self.send_response(trouble if isinstance(trouble, int) else 200)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(json.dumps({"choices": [choice]}).encode() if trouble != "prose" else b"<html>")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def chat():
    """A real server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.troubles = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def translator(chat):
    """One that asks it."""
    return ServerTranslator(Server(url=chat.url, key=KEY, timeout=5.0, first_rest=0.01), "m", concurrency=1)


def test_the_command_translates_by_a_server(translate, tmp_path, chat, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)

    report = translate("--server", chat.url, "--model", "m", "--batch-size", "2")

    assert [line["language"] for line in read_lines(tmp_path / "turkish.jsonl")] == ["tr"] * 4
    assert read_lines(tmp_path / "turkish.jsonl")[0]["chosen"] == TURKISH["thank you"]
    assert len(chat.asked) == report["rounds"][0]["texts"] == 4
    path, authorization, request = chat.asked[0]
    assert (path, authorization) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert (request["model"], request["temperature"]) == ("m", 0)
    assert "from English to Turkish" in request["messages"][0]["content"]


def test_the_key_is_written_nowhere(translate, tmp_path, chat, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    chat.troubles[:] = [200, 401]
    steps = []

    with pytest.raises(AlignmentError, match="status 401") as raised:
        translate("--server", chat.url, "--model", "m", "--batch-size", "1", progress=steps.append)

    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(TURKISH["thank you"] in text for text in written)
    assert not any(KEY in text for text in [*written, str(raised.value), repr(steps)])


@pytest.mark.parametrize("trouble", [429, "drop"])
def test_what_a_later_try_may_mend_is_tried_again(translator, chat, trouble):
    chat.troubles[:] = [trouble, trouble]

    (answer,) = translator.translate(["hello"], INTO_TURKISH)

    assert (answer.text, len(chat.asked)) == (TURKISH["hello"], 3)


def test_what_no_later_try_mends_ends_it(translator, chat):
    chat.troubles[:] = [307]

    with pytest.raises(AlignmentError, match="The server refused, with status 307"):
        translator.translate(["hello"], INTO_TURKISH)
    assert len(chat.asked) == 1


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"finish_reason": "length"}, Problem.UNFINISHED),
        ({"message": {"content": None}}, Problem.EMPTY),
        ({"message": {"content": " "}}, Problem.EMPTY),
        ({"message": {"content": f"Your key is {KEY}"}}, Problem.UNSTORABLE),
    ],
)
def test_an_answer_that_is_no_translation_is_a_problem(translator, chat, choice, problem):
    chat.troubles[:] = [choice]

    assert translator.translate(["hello"], INTO_TURKISH)[0].problem is problem


def test_a_server_without_the_name_of_a_model_is_refused(translate, chat):
    with pytest.raises(AlignmentError, match="needs --model"):
        translate("--server", chat.url)
