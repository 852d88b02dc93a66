"""Webhooks: one JSON POST to an address that a person has named, and to no machine behind our own walls."""

import http.client
import json
import socket
import ssl
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from annotate.errors import AnnotateError

PORTS = {"http": 80, "https": 443}
SHAPE = "A webhook's address looks like https://example.org/path."
INNER = (
    "The webhook's address lies inside this network, where nothing may be sent "
    "(POLYREWARD_WEBHOOK_PRIVATE=1 allows it)."
)


class WebhookError(AnnotateError):
    """Nothing was sent there, or what was sent was not accepted. The message is a sentence, fit to show."""

    code = "webhook_refused"


def post(url: str, content: dict[str, Any], *, timeout: float) -> None:
    """Send the content as JSON. A redirect is not followed: it counts as a refusal.

    Raises WebhookError, and OSError where the network fails.
    """
    target = check_address(url)
    connection = _connection(target, _resolve(target), timeout)
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "Polyreward"}
    try:
        connection.request("POST", path, json.dumps(content, ensure_ascii=False).encode(), headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise WebhookError(f"The webhook's server answered with status {status}, which is no success.")


def check_address(url: str) -> SplitResult:
    """Raises WebhookError unless it can be posted to; where the name leads is found out when sending."""
    try:
        target = urlsplit(url)
        usable = target.scheme in PORTS and target.hostname and target.port != 0 and target.username is None
    except ValueError as error:
        raise WebhookError(SHAPE) from error
    if not usable:
        raise WebhookError(SHAPE)
    return target


def _resolve(target: SplitResult) -> tuple[str, int]:
    """One of the host's addresses, which we connect to: by then the name could lead elsewhere."""
    port = target.port or PORTS[target.scheme]
    found = [row[4] for row in socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)]
    if not settings.WEBHOOK_PRIVATE and not all(_is_public(str(row[0])) for row in found):
        raise WebhookError(INNER)
    return str(found[0][0]), port


def _is_public(address: str) -> bool:
    """Not ours, nor a way around: 6to4 and mapped addresses stand for an IPv4 address that may be ours."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and (found.sixtofour or found.ipv4_mapped or found.is_site_local):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _connection(target: SplitResult, place: tuple[str, int], timeout: float) -> http.client.HTTPConnection:
    """A connection to that place, which checks the certificate of, and asks for, the host that was named."""
    host = str(target.hostname)
    connection: http.client.HTTPConnection
    if target.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, target.port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, target.port, timeout=timeout)
    # The one place where http.client lets an address be chosen: connect() calls it, and then speaks TLS.
    connection._create_connection = lambda _, *rest: socket.create_connection(place, *rest)  # type: ignore[attr-defined]
    return connection
