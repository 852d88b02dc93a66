"""Launch an experiment as somebody far away would: `python -m tests.services.launching PORT TOKEN < FIELDS`.

It speaks to the site as nginx does, with the headers of deploy/nginx.conf.
"""

import http.client
import json
import sys


def main(port: str, token: str) -> int:
    """Returns 0 when the site has created the experiment; prints what it answered."""
    site = http.client.HTTPConnection("127.0.0.1", int(port), timeout=120)
    headers = {
        "Host": "lab.example.org",
        "X-Forwarded-Proto": "https",
        "Authorization": f"Token {token}",
        "Content-Type": "application/json",
    }
    site.request("POST", "/api/v1/experiments/", body=sys.stdin.read(), headers=headers)
    answer = site.getresponse()
    json.dump({"status": answer.status, "body": answer.read().decode()}, sys.stdout)
    return 0 if answer.status == http.client.CREATED else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
