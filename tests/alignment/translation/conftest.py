"""Lines of every kind, and the command on them."""

import argparse
import json
from pathlib import Path

import pytest

from alignment.commands.translate import add_parser
from alignment.progress import Progress, Step, silent

CONVERSATION = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}]
LINES = [
    {"prompt": "hello", "chosen": "thank you", "rejected": "go away", "split": "test"},
    {"prompt": "", "completion": "thank you", "label": True, "system": "someone"},
    {"prompt": CONVERSATION, "completion": "go away", "split": "validation"},
    {"prompt": "good day"},
]
TURKISH = {
    "hello": "selam",
    "thank you": "sağ ol",
    "go away": "defol",
    "good day": "günler",
}


class KilledError(Exception):
    pass


class KilledAfter:
    """Stops the work at a report, as a kill would."""

    def __init__(self, num_reports: int) -> None:
        self._left = num_reports

    def __call__(self, step: Step) -> None:
        self._left -= 1
        if self._left == 0:
            raise KilledError


def write_lines(path: Path, lines) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def read_lines(path: Path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def data(tmp_path):
    return write_lines(tmp_path / "data.jsonl", [{"language": "en", "dataset": "d", **one} for one in LINES])


@pytest.fixture
def translate(tmp_path, data):
    """Runs the command from English to Turkish, with changes to its arguments. Returns its report."""

    def run(*changes: str, output: str = "turkish.jsonl", progress: Progress = silent):
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        files = ["--data", str(data), "--output", str(tmp_path / output)]
        arguments = parser.parse_args(["translate", *files, "--from", "en", "--to", "tr", *changes])
        return arguments.run(arguments, progress)

    return run
