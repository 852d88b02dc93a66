import threading
import time
from email.utils import formatdate

import pytest

from alignment.chat.pace import Pace, StoppedError
from alignment.chat.server import LONGEST_REST, Server, ask
from alignment.errors import AlignmentError
from tests.alignment.chat.chat_server import Behaviour, chat_server, failed, said

GOOD = said("1", {"1": 0.9, "2": 0.1})


def ask_of(first, *, tries=3, key="", first_rest=0.01, timeout=5.0):
    """Ask a server that does each of `first` in turn and is good from then on: the reply, and the server."""
    with chat_server(lambda body, number: first[number] if number < len(first) else GOOD) as chat:
        server = Server(url=chat.url, max_tries=tries, first_rest=first_rest, timeout=timeout, key=key)
        try:
            return ask(server, {"model": "m"}, Pace(0)), chat
        except AlignmentError as error:
            return error, chat


@pytest.mark.parametrize(
    "trouble",
    [
        failed(429, "slow down"),
        failed(500),
        failed(503),
        failed(529),
        Behaviour(status=0),
        Behaviour(raw=b"<html>the proxy is ill</html>"),
        Behaviour(raw=b'{"choices": []}'),
        Behaviour(raw=b"[" * 100_000),
    ],
)
def test_what_may_pass_is_tried_again(trouble):
    reply, chat = ask_of([trouble, trouble])

    assert reply.body == GOOD.body
    assert len(chat.requests) == 3


def test_a_server_that_does_not_answer_in_time_is_asked_again():
    slow = threading.Event()

    def brain(body, number):
        if number == 0:
            slow.wait(5)
        return GOOD

    with chat_server(brain) as chat:
        reply = ask(Server(url=chat.url, first_rest=0.01, timeout=0.2), {}, Pace(0))
        slow.set()

    assert (reply.error, len(chat.requests)) == ("", 2)


def test_after_the_last_try_the_sentence_says_how_to_go_on():
    error, chat = ask_of([failed(503, "No model is\nloaded.")] * 9)

    assert "failed 3 times, at last so: status 503: No model is loaded. What was answered is kept" in str(
        error
    )
    assert len(chat.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_what_will_not_pass_is_not_tried_again(status):
    reply, chat = ask_of([failed(status, "no", Location="/v1/elsewhere")])

    assert (reply.status, reply.error, len(chat.requests)) == (status, f"status {status}: no.", 1)


def test_a_rest_that_the_server_asks_for_is_kept():
    began = time.monotonic()

    ask_of([failed(429, Retry_After="0.4")])

    assert time.monotonic() - began >= 0.4


def test_a_rest_may_be_given_as_a_date():
    began = time.time()

    ask_of([failed(503, Retry_After=formatdate(began + 2, usegmt=True))])

    assert time.time() >= int(began + 2)


def test_nonsense_about_a_rest_is_passed_over():
    reply, _ = ask_of([failed(429, Retry_After="soon"), failed(429, Retry_After="nan")])

    assert reply.error == ""


def test_a_server_that_wants_a_very_long_rest_is_left_alone():
    error, chat = ask_of([failed(429, Retry_After=str(LONGEST_REST + 1))])

    assert "wants a rest of 601 s" in str(error)
    assert len(chat.requests) == 1


def test_the_rests_grow():
    began = time.monotonic()

    ask_of([failed(500)] * 3, tries=4, first_rest=0.1)

    assert time.monotonic() - began >= 0.1 + 0.2 + 0.4


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000", "ftp://x/v1", "http://", "http://x:y/v1", "http://user:word@x/v1", "http://x/v1?key=1",
        "http://x/a b", "http://x/ü", "http://[x/v1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(AlignmentError, match="--server must"):
        Server(url=url)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused_without_telling_it(key):
    with pytest.raises(AlignmentError) as refused:
        Server(url="http://x/v1", key=key)

    assert key not in str(refused.value)


def test_a_key_that_the_server_repeats_is_taken_out():
    reply, chat = ask_of([failed(401, "Incorrect key: sk-secret.")], key="sk-secret")

    assert chat.keys == ["Bearer sk-secret"]
    assert reply.error == "status 401: Incorrect key: [key]."
    assert "sk-secret" not in repr(Server(url="http://x/v1", key="sk-secret"))


def test_at_most_so_many_requests_begin_in_a_minute():
    pace, began = Pace(600), time.monotonic()

    for _ in range(4):
        pace.wait_for_turn()

    assert 0.3 <= time.monotonic() - began < 2


def test_who_waits_is_woken_by_the_end():
    pace = Pace(1)
    pace.wait_for_turn()
    threading.Timer(0.1, pace.stop).start()

    with pytest.raises(StoppedError):
        pace.wait_for_turn()
