"""Strict readers of environment variables: a value that cannot be meant fails at the start, by name."""

import math
import os
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SECRET_LENGTH = 32


class MailServer(NamedTuple):
    """Where e-mail is handed over, and how: starttls begins in the clear, ssl does not."""

    host: str
    port: int
    user: str
    password: str
    starttls: bool
    ssl: bool


MAIL_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def read_flag(name: str, *, default: bool) -> bool:
    """Raises ImproperlyConfigured unless the variable is absent, 0 or 1."""
    value = os.environ.get(name, str(int(default)))
    if value not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"


def read_list(name: str, *, default: str) -> list[str]:
    """Read a list whose members are parted by commas."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def read_seconds(name: str, *, default: float) -> float:
    """Read a duration. Raises ImproperlyConfigured unless it is a number above 0."""
    value = os.environ.get(name, str(default))
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}.")
    return seconds


def read_limit(name: str, *, default: float) -> float:
    """Read a number of seconds that something may take; 0 for as long as it wants."""
    return 0.0 if os.environ.get(name) == "0" else read_seconds(name, default=default)


def read_address(name: str, *, default: str) -> str:
    """Read where the site is reached. Raises ImproperlyConfigured unless it is http(s) without a query."""
    address = os.environ.get(name, default).rstrip("/")
    parts = _split(name, address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{name} must look like https://lab.example.org, not {address!r}.")
    return address


def read_mail_server(name: str) -> MailServer | None:
    """None where it is absent or empty. Raises ImproperlyConfigured, which never shows the password."""
    address = os.environ.get(name, "")
    if not address:
        return None
    parts = _split(name, address)
    if parts.scheme not in MAIL_PORTS or not parts.hostname or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{name} must look like smtp://host:25, smtp+starttls://user:password@host or smtps://user:password@host."
        )
    return MailServer(
        host=parts.hostname,
        port=parts.port or MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+starttls",
        ssl=parts.scheme == "smtps",
    )


def _split(name: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # which is read only here
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is no address with a host and a port.") from error
    return parts


def read_directory(name: str, *, default: Path) -> Path:
    """Read a directory and make it. Raises ImproperlyConfigured where it cannot be made."""
    directory = Path(os.environ.get(name, default)).resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {directory} cannot be made ({error.strerror}).") from error
    return directory


def read_token(name: str) -> str:
    """Read a secret that may be absent: "". Raises ImproperlyConfigured where it is too short to be one."""
    value = os.environ.get(name, "")
    if value and len(value) < SECRET_LENGTH:
        raise ImproperlyConfigured(f"{name} must have at least {SECRET_LENGTH} characters.")
    return value


def read_secret(name: str, *, kept_in: Path) -> str:
    """Read a secret, or make a random one once and keep it in a file that only its owner may read."""
    value = os.environ.get(name)
    if value is None:
        _make_once(kept_in)
        value = kept_in.read_text()
    if len(value) < SECRET_LENGTH:
        raise ImproperlyConfigured(f"{name} must have at least {SECRET_LENGTH} characters.")
    return value


def _make_once(path: Path) -> None:
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(64))
    try:
        path.hardlink_to(fresh)  # fails where another process was first, so both read the same secret
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
