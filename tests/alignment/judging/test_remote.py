import json
import logging
import threading
from dataclasses import replace

import pytest

from alignment import __main__ as command_line
from alignment.chat.server import Server
from alignment.errors import AlignmentError
from tests.alignment.chat.chat_server import Behaviour, chat_server, failed, said
from tests.alignment.judging.conftest import LINES

KEY = "sk-0123456789abcdef"
MANY = [{**LINES[0], "id": number, "second": f"an um {number} Uhr."} for number in range(6)]


def prefers_laughter(body, number):
    """Likes the response in which somebody laughs, and a little whatever is shown as 1."""
    first = body["messages"][0]["content"].split("===== 2")[0]
    return said("1", {"1": 0.9, "2": 0.1}) if "lachten" in first else said("2", {"2": 0.7, "1": 0.3})


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Rests between two tries are short."""
    at = Server.at
    monkeypatch.setattr(Server, "at", lambda url, **names: replace(at(url, **names), first_rest=0.01))


def remote(chat, *options):
    return (f"--server={chat.url}", "--model=tiny-judge", *options)


def test_the_request_is_a_chat_completion_with_logprobs(judge):
    with chat_server(prefers_laughter) as chat:
        judge(*remote(chat))

    first = chat.requests[0]
    assert set(chat.paths) == {"/v1/chat/completions"}
    assert (first["model"], first["temperature"], first["logprobs"]) == ("tiny-judge", 0, True)
    assert first["top_logprobs"] == 20
    assert [turn["role"] for turn in first["messages"]] == ["user"]
    assert chat.keys == [None] * 4


def test_both_orders_are_averaged_and_the_place_is_told(judge, verdicts):
    with chat_server(prefers_laughter) as chat:
        result = judge(*remote(chat), lines=LINES[:1])

    (told,) = verdicts()
    assert [answer["probability"] for answer in told["answers"]] == pytest.approx([0.3, 0.9])
    assert [answer["swapped"] for answer in told["answers"]] == [False, True]
    assert told["probability"] == pytest.approx(0.2)
    assert result["position"] == pytest.approx({"agreement": 1.0, "shift": 0.1, "num_comparisons": 1})


def test_without_logprobs_the_text_is_read(judge, verdicts):
    with chat_server(lambda body, number: said("**1**")) as chat:
        result = judge(*remote(chat))

    assert [told["probability"] for told in verdicts()] == [0.5, 0.5]
    assert result["answers"] == {"text": 4}
    assert result["mean_mass"] is None
    assert (result["position"]["agreement"], result["position"]["shift"]) == (0.0, 0.5)


def test_nonsense_is_an_abstention(judge, verdicts):
    with chat_server(lambda body, number: said("Both\u202e are \ud800 fine\0")) as chat:
        result = judge(*remote(chat))

    assert [told["probability"] for told in verdicts()] == [None, None]
    assert verdicts()[0]["answers"][0]["text"] == "Both\u202e are ? fine"
    assert (result["abstentions"], result["mean_probability"], result["position"]) == (2, None, None)


def test_a_server_that_knows_fewer_logprobs_is_asked_for_fewer(judge):
    def brain(body, number):
        if body.get("top_logprobs", 0) > 5:
            return failed(400, "top_logprobs must be at most 5")
        return said("1", {"1": 0.9, "2": 0.1})

    with chat_server(brain) as chat:
        result = judge(*remote(chat, "--concurrency=1"))

    assert [body["top_logprobs"] for body in chat.requests] == [20, 5, 5, 5, 5]
    assert result["answers"] == {"probabilities": 4}


def test_a_server_that_refuses_logprobs_is_asked_without(judge):
    def brain(body, number):
        return failed(400, "logprobs are not supported") if "logprobs" in body else said("2")

    with chat_server(brain) as chat:
        result = judge(*remote(chat))

    assert result["answers"] == {"text": 4}


@pytest.mark.parametrize(
    ("message", "basis"),
    [
        ("This model's maximum context length is 10 tokens.", "too_long"),
        ("The response was filtered by the content management policy.", "refused"),
    ],
)
def test_a_question_that_alone_is_refused_is_an_abstention(judge, message, basis):
    def brain(body, number):
        return failed(400, message) if "niña" in body["messages"][0]["content"] else said("1")

    with chat_server(brain) as chat:
        result = judge(*remote(chat))

    assert result["answers"] == {basis: 2, "text": 2}
    assert result["abstentions"] == 1


def test_a_refusal_ends_the_work_and_keeps_what_was_answered(judge, verdicts):
    def brain(body, number):
        return failed(401, "Who are you?") if number == 3 else said("1", {"1": 0.9, "2": 0.1})

    with chat_server(brain) as chat:
        with pytest.raises(AlignmentError, match="refused, with status 401: Who are you?"):
            judge(*remote(chat, "--concurrency=1"), lines=MANY)
        asked = len(chat.requests)
        judge(*remote(chat, "--concurrency=1"), lines=MANY)

    unique = {body["messages"][0]["content"] for body in chat.requests}
    assert asked in (4, 5)  # one more may be under way
    assert len(chat.requests) <= 12 + 2
    assert len(unique) == 12
    assert len(verdicts()) == 6


def test_a_restart_asks_only_what_is_missing(judge, verdicts, tmp_path):
    seen = []

    def stop(step):
        seen.append(step.done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with chat_server(prefers_laughter) as chat:
        with pytest.raises(KeyboardInterrupt):
            judge(*remote(chat, "--concurrency=1"), progress=stop)
        judge(*remote(chat))

    assert len(chat.requests) <= 5  # four, and one that was under way
    assert len(verdicts()) == 2
    assert not list(tmp_path.glob("*.partial"))


def test_equal_questions_are_asked_once(judge, verdicts):
    with chat_server(prefers_laughter) as chat:
        judge(*remote(chat), lines=[LINES[0], {**LINES[0], "id": 8}])

    assert len(chat.requests) == 2
    assert [told["id"] for told in verdicts()] == [7, 8]


def test_troubles_on_the_way_change_nothing(judge, verdicts):
    troubles = [failed(429, Retry_After="0.05"), Behaviour(status=0), failed(502), Behaviour(raw=b"{")]
    left, lock = list(troubles), threading.Lock()

    def brain(body, number):
        with lock:
            trouble = left.pop() if left else None
        return trouble or prefers_laughter(body, number)

    with chat_server(prefers_laughter) as chat:
        judge(*remote(chat))
        undisturbed = verdicts()
    with chat_server(brain) as chat:
        judge(*remote(chat))

    assert verdicts() == undisturbed
    assert len(chat.requests) == 8


def test_requests_are_under_way_together_up_to_the_limit(judge):
    together = threading.Barrier(3)

    def brain(body, number):
        together.wait(5)
        return said("1")

    with chat_server(brain) as chat:
        judge(*remote(chat, "--concurrency=3"), lines=MANY)

    assert chat.most == 3


def test_the_plan_says_what_would_be_asked_and_asks_nothing(judge, tmp_path):
    with chat_server(prefers_laughter) as chat:
        plan = judge(*remote(chat, "--plan"))

    assert chat.requests == []
    assert (plan["requests"], plan["kept_answers"], plan["most_output_tokens"]) == (4, 0, 32)
    assert 4 * 150 < plan["estimated_input_tokens"] < 4 * 400
    assert [path.name for path in tmp_path.iterdir()] == ["comparisons.jsonl"]


def test_the_plan_leaves_out_what_is_answered_already(judge):
    def stop(step):
        raise KeyboardInterrupt

    with chat_server(prefers_laughter) as chat:
        with pytest.raises(KeyboardInterrupt):
            judge(*remote(chat), progress=stop)
        plan = judge(*remote(chat, "--plan"))

    assert (plan["requests"], plan["kept_answers"]) == (3, 1)


@pytest.mark.parametrize("options", [["--concurrency=0"], ["--max-per-minute=-1"]])
def test_limits_that_are_none_are_refused(judge, options):
    with pytest.raises(AlignmentError, match="--concurrency must be"):
        judge("--server=http://127.0.0.1:9/v1", "--model=m", *options)


def test_a_server_needs_a_model(judge):
    with pytest.raises(AlignmentError, match="--model"):
        judge("--server=http://127.0.0.1:9/v1")


@pytest.mark.parametrize("status", [200, 401])
def test_the_key_is_sent_and_stands_nowhere(status, tmp_path, monkeypatch, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("POLYREWARD_JUDGE_KEY", f"{KEY}\n")
    comparisons, output = tmp_path / "comparisons.jsonl", tmp_path / "verdicts.jsonl"
    comparisons.write_text(json.dumps(LINES[0]), encoding="utf-8")
    given = [f"--comparisons={comparisons}", f"--output={output}", "--task=continuation", "--model=m"]

    def brain(body, number):
        return failed(401, f"{KEY} is no key") if status == 401 and number else said(f"1 {KEY}")

    with chat_server(brain) as chat:
        code = command_line.main(
            ["judge", *given, f"--server={chat.url}", "--concurrency=1", "--progress=json"]
        )

    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    shown = "".join(capfd.readouterr())
    assert code == (0 if status == 200 else 2)
    assert chat.keys == [f"Bearer {KEY}"] * 2
    assert "[key]" in (written if status == 200 else shown)
    assert KEY not in written + shown + caplog.text
    assert KEY not in json.dumps(chat.requests)
