"""Strict readers of environment variables: a value that cannot be meant fails at the start, by name."""

import math
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


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


def read_directory(name: str, *, default: Path) -> Path:
    """Read a directory and make it. Raises ImproperlyConfigured where it cannot be made."""
    directory = Path(os.environ.get(name, default)).resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {directory} cannot be made ({error.strerror}).") from error
    return directory


def read_secret(name: str, *, kept_in: Path) -> str:
    """Read a secret, or make a random one once and keep it in a file that only its owner may read."""
    value = os.environ.get(name)
    if value is None:
        _make_once(kept_in)
        value = kept_in.read_text()
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name} must have at least 32 characters.")
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
