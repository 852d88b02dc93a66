"""Which code this process runs, so that work done by different versions can be told apart."""

import subprocess
from functools import cache
from pathlib import Path

VERSION = "1.0.0"
ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 5.0


@cache
def code_version() -> str:
    """Version and, in a checkout, its commit: "1.0.0 (06a651fad460)"; "changed" marks edited files.

    It is what lies on the disk when a process asks first, so ask when it starts.
    """
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return VERSION
    is_changed = bool(_git("status", "--porcelain", "--untracked-files=no"))
    return f"{VERSION} ({commit}{', changed' if is_changed else ''})"


def _git(*arguments: str) -> str:
    """What git prints about our own checkout; "" where there is no checkout, or no git."""
    if not (ROOT / ".git").exists():
        return ""
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the arguments stand above)
            ["git", "-C", str(ROOT), *arguments],  # noqa: S607 (found on PATH, like any tool)
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
