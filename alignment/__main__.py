"""The command line: files in, files out, without the site. `python -m alignment --help` tells more."""

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from alignment.commands.reporting import STYLES, reporter_for
from alignment.errors import AlignmentError
from alignment.members import (
    LeftToFirstError,
    StartAgainError,
    die_with_starter,
    is_first,
    is_member,
    leave_word,
)
from alignment.multi_device import START_AGAIN, keep_to_one_device, launch, processes_to_start
from alignment.progress import Progress, Step

PROGRAM = "python -m alignment"
COMMANDS = {
    "prepare": "fetch or convert a checkpoint once, for the languages in use",
    "train-reward": "train a reward model from preferences or ratings",
    "sample": "draw a response pool from a policy",
    "score": "give a reward to every response of a pool",
    "best-of-n": "choose from a pool by its rewards",
    "sft": "fine-tune a policy on demonstrations",
    "rl": "train a policy for reward by reinforcement learning, with a KL penalty",
    "judge": "let a language model say which of two responses is better",
    "translate": "translate data, or translate it there and back",
    "accuracy": "compare a reward model with held-out feedback and with baselines",
}
USER_ERROR = 2
STOPPED = 128 + signal.SIGTERM


class StopRequestedError(Exception):
    """SIGTERM came; raised by the next report of progress, where work can be taken up again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0, 2 for an error of the user, 143 when stopped by SIGTERM."""
    argv = sys.argv[1:] if argv is None else argv
    shared = _shared_options()
    given, rest = shared.parse_known_args(argv)
    _set_threads(given.threads)
    arguments = _parser(shared, rest).parse_args(rest, namespace=given)
    try:
        num_processes = processes_to_start(arguments)
        if num_processes > 1:
            return launch(argv, num_processes)
        _run(arguments)
    except AlignmentError as error:
        return _ended(USER_ERROR, str(error))
    except StopRequestedError:
        return _ended(STOPPED, "Stopped. Give the same command again to go on.")
    except StartAgainError as error:
        return _ended(START_AGAIN, str(error))
    except LeftToFirstError:
        pass
    return 0


def _run(arguments: argparse.Namespace) -> None:
    """In this process."""
    die_with_starter()
    if hasattr(arguments, "learning_rate"):
        keep_to_one_device()
    reporter = reporter_for(arguments.progress if is_first() else "none", sys.stdout, sys.stderr)
    # Libraries that print must not write between our lines.
    with (
        contextlib.redirect_stdout(sys.stderr),
        reporter.running(),
        _stoppable(reporter.step) as progress,
    ):
        result = arguments.run(arguments, progress)
    reporter.result(result)


def _ended(status: int, sentence: str) -> int:
    leave_word(status, sentence)
    sys.stderr.write(f"{sentence}\n")
    return status


def _shared_options() -> argparse.ArgumentParser:
    """Options of every command, which may stand before or after its name."""
    parser = argparse.ArgumentParser(prog=PROGRAM, add_help=False, allow_abbrev=False)
    parser.add_argument("--progress", choices=STYLES, default="bar", help="how to report (bar)")
    parser.add_argument("--threads", type=int, metavar="N", help="of the CPU (half of the cores)")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="of training by lora or full (one for each accelerator)"
    )
    return parser


def _parser(shared: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.ArgumentParser:
    """Only the command that is asked for is imported: most of them need seconds for that."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, parents=[shared])
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name in argv:
            module = importlib.import_module(f"alignment.commands.{name.replace('-', '_')}")
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def _set_threads(threads: int | None) -> None:
    """Before torch is imported. On a busy machine a thread for each core is much slower than one for all."""
    if is_member():
        return  # its share was set by who started it
    if threads is None and "OMP_NUM_THREADS" in os.environ:
        return
    cores = len(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = str(threads or max(1, cores // 2))


@contextlib.contextmanager
def _stoppable(progress: Progress) -> Iterator[Progress]:
    """A Progress that raises StopRequestedError once SIGTERM has come."""
    requested = []

    def request(number: int, frame: FrameType | None) -> None:
        requested.append(number)

    def report(step: Step) -> None:
        progress(step)
        if requested:
            raise StopRequestedError

    before = signal.signal(signal.SIGTERM, request)
    try:
        yield report
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
