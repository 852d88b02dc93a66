"""A server that webhooks can be posted to."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest


@pytest.fixture
def listener():
    """A real HTTP server on this machine: it answers with `status`, `heard` is what it was told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.heard.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(self.server.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 (a redirect that were followed would be heard)

        def log_message(self, *parts):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        found.heard, found.status = [], 204
        found.url = f"http://127.0.0.1:{found.server_port}"
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()
