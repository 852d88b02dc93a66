"""Real command lines in processes of their own, killed with SIGKILL in the middle of their training."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

SECONDS = 300
Message = dict[str, Any]


def finish(arguments: list[str]) -> list[Message]:
    """Run `python -m alignment` to its end. Returns the lines that it printed."""
    done = subprocess.run(  # noqa: S603  our own command
        _command(arguments), check=True, capture_output=True, text=True, timeout=SECONDS, env=_environment()
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def kill_at_random(arguments: list[str], *, first: int, last: int) -> list[Message]:
    """Kill it a moment after a random step between the two. Returns the lines that it had printed."""
    chance = random.Random()  # noqa: S311  no secret; the step is in what is returned
    step, moment = chance.randint(first, last), chance.random() / 20
    lines = []
    with subprocess.Popen(  # noqa: S603  our own command
        _command(arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environment()
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("done", 0) >= step:
                time.sleep(moment)
                process.send_signal(signal.SIGKILL)
                whole = process.stdout.read().rpartition("\n")[0]  # what it printed in that moment
                lines += map(json.loads, whole.splitlines())
                break
    assert process.returncode == -signal.SIGKILL, (
        f"the training ended before it could be killed at step {step}"
    )
    return lines


def curves(*runs: list[Message]) -> dict[tuple[int, str], set[float]]:
    """Everything that was logged of each step, by step and curve."""
    logged: dict[tuple[int, str], set[float]] = {}
    for message in (message for run in runs for message in run):
        for name, value in message.get("metrics", {}).items():
            logged.setdefault((message["done"], name), set()).add(value)
    return logged


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "alignment", "--progress", "json", *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}
