"""What the files under deploy/ say, as systemd would read it."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.services.conftest import ROOT

DEPLOY = ROOT / "deploy"
INSTALLED = "/opt/polyreward"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The command of a service and what its unit adds to the environment file."""

    command: list[str]
    environment: dict[str, str]


def read_unit(name: str, *, instance: str = "") -> Unit:
    """Read deploy/NAME.service, for this checkout in place of /opt/polyreward."""
    lines = (DEPLOY / f"{name}.service").read_text().splitlines()
    pairs = [line.partition("=")[::2] for line in lines if re.match(r"[A-Z]\w+=", line)]
    environment = dict(
        _specified(value, instance).partition("=")[::2] for key, value in pairs if key == "Environment"
    )
    (line,) = [value for key, value in pairs if key == "ExecStart"]
    words = [_expanded(_specified(word, instance), environment) for word in shlex.split(line)]
    assert dict(pairs)["WorkingDirectory"] == INSTALLED
    return Unit(command=[_here(words[0]), *words[1:]], environment=environment)


def read_environment_file() -> dict[str, str]:
    """The variables that deploy/environment sets."""
    lines = (DEPLOY / "environment").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))


def _specified(text: str, instance: str) -> str:
    return text.replace("%%", "\0").replace("%i", instance).replace("\0", "%")


def _expanded(text: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: environment[match[1]], text)


def _here(program: str) -> str:
    """The program of this interpreter's environment that stands for an installed one."""
    return str(Path(sys.executable).parent / Path(program).relative_to(f"{INSTALLED}/.venv/bin"))
