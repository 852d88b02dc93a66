"""The judging script against a slow, absent or refusing server: nothing is lost, nothing is sent twice."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from django.template.loader import render_to_string

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
STATIC = Path(__file__).parents[2] / "static"
SITE = "http://site.test"
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium"),
]


def judging(template: str, number: int) -> str:
    context = {
        "study": "Warm continuations",
        "language": SimpleNamespace(tag="ar", autonym="العربية", direction="rtl"),
        "assignment": SimpleNamespace(pk=number),
        "prompt": SimpleNamespace(text="عندما وصلت", messages=[]),
        "left": SimpleNamespace(text="إبريق شاي"),
        "right": SimpleNamespace(text="رسالة قصيرة"),
        "done": number,
        "total": 40,
        "question": f"Question {number}",
        "answer_url": "/verdict/",
        "skip_url": "/skip/",
        "undo_url": "/undo/",
        "next_url": "/next/",
        "home_url": "/",
    }
    return render_to_string(template, context)


class Server:
    """Serves the page and its files; answers posts with the first of `replies`, else the next comparison."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, list[str]]]] = []
        self.replies: list[Callable[[sync_api.Route], None]] = []
        self.shown = 1

    def handle(self, route: "sync_api.Route") -> None:
        request = route.request
        path = request.url.removeprefix(SITE)
        if request.method == "POST":
            self.posts.append((path, parse_qs(request.post_data)))
            reply = self.replies.pop(0) if self.replies else self.next_comparison
            reply(route)
        elif path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])
        elif path == "/judge/":
            headers = {"Content-Security-Policy": CONTENT_SECURITY}
            body = judging("judging/page.html", 1)
            route.fulfill(body=body, content_type="text/html; charset=utf-8", headers=headers)
        else:
            route.fulfill(body="<h1>Elsewhere</h1>", content_type="text/html")

    def next_comparison(self, route: "sync_api.Route") -> None:
        self.shown += 1
        body = judging("judging/_comparison.html", self.shown)
        route.fulfill(body=body, content_type="text/html; charset=utf-8")


@pytest.fixture(scope="module")
def chromium() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def page(chromium: "sync_api.Browser", server: Server) -> Iterator["sync_api.Page"]:
    """An open judging page; anything that the security policy stops, or a script error, fails the test."""
    context = chromium.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: "Content Security Policy" in message.text and complaints.append(message.text),
    )
    page.route("**/*", server.handle)
    page.clock.install()
    page.goto(f"{SITE}/judge/")
    yield page
    context.close()
    assert complaints == []


def away(route: "sync_api.Route") -> None:
    route.abort("connectionfailed")


def broken(route: "sync_api.Route") -> None:
    route.fulfill(status=503, body="busy")


def refusing(route: "sync_api.Route") -> None:
    body = render_to_string("errors/_message.html", {"message": "It went to somebody else."})
    route.fulfill(status=409, body=body, content_type="text/html; charset=utf-8")


def wait_for_question(page: "sync_api.Page", number: int) -> None:
    page.get_by_role("heading", name=f"Question {number}").wait_for()


def press(page: "sync_api.Page", key: str, code: str, **more: bool) -> None:
    """Press a key of any keyboard: `key` is what it types, `code` where it lies."""
    event = {"key": key, "code": code, "bubbles": True, "cancelable": True, **more}
    page.evaluate("event => document.body.dispatchEvent(new KeyboardEvent('keydown', event))", event)


@pytest.mark.parametrize(
    ("key", "code", "path", "name", "value"),
    [
        ("1", "Digit1", "/verdict/", "verdict", "left"),
        ("2", "Numpad2", "/verdict/", "verdict", "right"),
        ("0", "Digit0", "/verdict/", "verdict", "tie"),
        ("ç", "Digit9", "/verdict/", "verdict", "both_bad"),
        ("s", "KeyS", "/skip/", "action", "skip"),
        ("ы", "KeyS", "/skip/", "action", "skip"),
        ("s", "Semicolon", "/skip/", "action", "skip"),
        ("U", "KeyU", "/undo/", "action", "undo"),
    ],
)
def test_a_key_presses_the_button_that_prints_it(page, server, key, code, path, name, value):
    press(page, key, code)

    wait_for_question(page, 2)
    [(posted_to, fields)] = server.posts
    assert posted_to == path
    assert fields[name] == [value]
    assert fields["assignment"] == ["1"]


def test_keys_mean_nothing_while_somebody_writes_or_composes(page, server):
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").press("1")
    press(page, "1", "Digit1", isComposing=True)
    press(page, "1", "Digit1", ctrlKey=True)
    press(page, "1", "Digit1", repeat=True)
    press(page, "End", "Numpad1")

    page.clock.run_for(2_000)
    assert server.posts == []


def test_a_double_click_is_sent_once(page, server):
    held = []
    server.replies = [held.append]

    page.get_by_role("button", name="Left is better").dblclick()
    page.keyboard.press("2")
    page.wait_for_function("document.querySelector('[value=right]').disabled")
    server.next_comparison(held[0])

    wait_for_question(page, 2)
    assert len(server.posts) == 1


def test_the_next_comparison_starts_at_its_heading_on_top_of_the_page(page, server):
    page.evaluate("document.body.style.minBlockSize = '3000px'")
    page.evaluate("scrollTo(0, 900)")

    page.keyboard.press("1")

    wait_for_question(page, 2)
    page.wait_for_function("document.activeElement.textContent === 'Question 2'")
    assert page.evaluate("scrollY") == 0


def test_seconds_on_screen_are_sent(page, server):
    page.clock.run_for(7_000)

    page.keyboard.press("1")

    wait_for_question(page, 2)
    assert 7 <= float(server.posts[0][1]["seconds"][0]) < 9


@pytest.mark.parametrize("trouble", [away, broken])
def test_an_answer_that_did_not_arrive_is_sent_again_until_it_does(page, server, trouble):
    server.replies = [trouble, trouble, trouble]

    page.keyboard.press("2")
    for seconds in (1, 2, 4):
        page.get_by_text("Not saved yet").wait_for()
        page.get_by_text(f"in {seconds} s").wait_for()
        page.clock.run_for(seconds * 1_000)

    wait_for_question(page, 2)
    assert len(server.posts) == 4
    assert all(post == server.posts[0] for post in server.posts)


def test_the_wait_never_exceeds_half_a_minute(page, server):
    server.replies = [away] * 8

    page.keyboard.press("2")
    for seconds in (1, 2, 4, 8, 16, 30, 30):
        page.get_by_text(f"in {seconds} s").wait_for()
        page.clock.run_for(seconds * 1_000)

    page.get_by_text("in 30 s").wait_for()


def test_a_person_can_try_again_at_once(page, server):
    server.replies = [away]

    page.keyboard.press("1")
    page.get_by_role("button", name="Try again now").click()

    wait_for_question(page, 2)
    assert [fields["verdict"] for _, fields in server.posts] == [["left"], ["left"]]


def test_a_refusal_shows_the_sentence_and_the_way_on(page, server):
    server.replies = [refusing]

    page.keyboard.press("1")
    page.get_by_text("It went to somebody else.").wait_for()
    page.keyboard.press("2")
    page.get_by_role("button", name="Go on").click()

    wait_for_question(page, 2)
    assert [path for path, _ in server.posts] == ["/verdict/", "/next/"]


def test_an_answer_to_another_page_leads_there(page, server):
    server.replies = [lambda route: route.fulfill(body="<h1>Sign in</h1>", content_type="text/html")]

    page.keyboard.press("1")

    page.wait_for_url(re.compile("/verdict/"))


def test_an_answer_works_without_scripts(chromium, server):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.route("**/*", server.handle)
    page.goto(f"{SITE}/judge/")

    page.get_by_role("button", name="Right is better").click()

    assert server.posts[0][0] == "/verdict/"
    assert server.posts[0][1]["verdict"] == ["right"]
    context.close()
