"""Comparisons to judge, and the way to the command."""

import argparse
import json

import pytest

from alignment.commands.judge import add_parser
from alignment.jsonl import read_object
from alignment.progress import silent

LINES = [
    {
        "id": 7,
        "prompt": "Der Zug kam",
        "language": "de",
        "first": "zu spät.",
        "second": "an, und alle lachten.",
    },
    {"id": "b", "prompt": "La niña abrió", "language": "es", "first": "la puerta.", "second": "los ojos."},
]


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Runs the command on lines, and returns its result."""
    monkeypatch.delenv("POLYREWARD_JUDGE_KEY", raising=False)

    def run(*options, lines=LINES, task="continuation", progress=silent):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (tmp_path / "comparisons.jsonl").write_text(text, encoding="utf-8")
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        files = [f"--comparisons={tmp_path / 'comparisons.jsonl'}", f"--output={tmp_path / 'verdicts.jsonl'}"]
        arguments = parser.parse_args(["judge", *files, f"--task={task}", *options])
        return arguments.run(arguments, progress)

    return run


@pytest.fixture
def verdicts(tmp_path):
    """Reads what the command wrote."""

    def read():
        lines = (tmp_path / "verdicts.jsonl").read_text(encoding="utf-8").split("\n")
        return [read_object(line) for line in lines if line]

    return read
