"""`judge`: let a language model say which of two responses is better."""

import argparse
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from alignment.chat.server import Server
from alignment.errors import AlignmentError
from alignment.journal import Journal
from alignment.judging.comparisons import Comparison, read_comparisons
from alignment.judging.prompts import Question
from alignment.judging.remote import MAX_TOKENS, RemoteJudge
from alignment.judging.verdicts import Answer, Verdict, consistency, questions_about, verdict_on
from alignment.progress import Progress, Step
from alignment.tasks import task_named

if TYPE_CHECKING:
    from alignment.policy.checkpoints import Checkpoint

KEY_VARIABLE = "POLYREWARD_JUDGE_KEY"
BYTES_PER_TOKEN = 3  # English has about 4, most other languages between 3 and 6


class Judge(Protocol):
    """Whoever answers questions."""

    def answers(
        self, questions: Sequence[Question], waiting: Callable[[], None]
    ) -> Generator[Answer, None, None]: ...


class Asked(NamedTuple):
    """A judge by its names, opened when it is needed. identity: what its answers are kept by."""

    identity: tuple[str, ...]
    shown: dict[str, str]
    open: Callable[[], Judge]


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("judge", help="let a language model say which of two responses is better")
    parser.add_argument("--comparisons", type=Path, required=True, metavar="FILE", help="JSON Lines")
    judge = parser.add_mutually_exclusive_group(required=True)
    judge.add_argument("--judge", metavar="SOURCE", help="directory, package:… or hub id")
    judge.add_argument(
        "--server", metavar="URL", help="of chat completions, such as http://127.0.0.1:8000/v1"
    )
    parser.add_argument("--model", metavar="NAME", help="as the server names it")
    parser.add_argument(
        "--float32",
        action="store_true",
        help="compute in float32, with --judge: bfloat16 gives probabilities in steps of about 3 %%",
    )
    parser.add_argument("--task", required=True, help="what was generated, such as summarization")
    parser.add_argument("--max-per-minute", type=int, default=0, metavar="N", help="requests (no limit)")
    parser.add_argument("--concurrency", type=int, default=4, metavar="N", help="requests at once (4)")
    parser.add_argument("--plan", action="store_true", help="only say what would be asked")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for converted packages")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="verdicts, JSON Lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Ask about each comparison in both orders; started again after a kill, ask only what is missing."""
    task = task_named(arguments.task)
    comparisons = read_comparisons(arguments.comparisons)
    asked = _server(arguments) if arguments.server else _local(arguments, comparisons, progress)
    questions = {each.digest: each for one in comparisons for each in questions_about(one, task)}
    journal = Journal(arguments.output, *asked.identity, parse=Answer.from_json)
    kept = {answer.question for answer in journal.records}
    left = [question for digest, question in questions.items() if digest not in kept]
    if arguments.plan:
        journal.leave()
        return _plan(asked, questions.values(), left)
    _ask(asked, left, journal, total=len(questions), progress=progress)
    answers = {answer.question: answer for answer in journal.records}
    verdicts = [verdict_on(comparison, task, answers) for comparison in comparisons]
    journal.publish(verdicts)
    return {"judge": asked.shown, **_summary(verdicts)}


def _server(arguments: argparse.Namespace) -> Asked:
    if not arguments.model:
        raise AlignmentError("Name the server's model with --model.")
    server = Server.at(arguments.server, key_variable=KEY_VARIABLE)
    judge = RemoteJudge(
        server,
        arguments.model,
        concurrency=arguments.concurrency,
        max_per_minute=arguments.max_per_minute,
    )
    return Asked(
        ("server", server.url, arguments.model),
        {"server": server.url, "model": arguments.model},
        lambda: judge,
    )


def _local(arguments: argparse.Namespace, comparisons: Sequence[Comparison], progress: Progress) -> Asked:
    from alignment.judging.local import LocalJudge  # a server needs no torch
    from alignment.policy.checkpoints import resolve
    from alignment.sources import parse_source

    # English is what the question is asked in.
    languages = {"en", *(comparison.prompt.language for comparison in comparisons)}
    source = parse_source(arguments.judge)
    checkpoint: Checkpoint = resolve(source, arguments.models, languages, progress=progress)
    return Asked(
        ("local", checkpoint.digest, str(arguments.float32)),
        {"digest": checkpoint.digest, "revision": checkpoint.revision, "licence": checkpoint.licence},
        lambda: LocalJudge.load(checkpoint.directory, float32=arguments.float32),
    )


def _ask(
    asked: Asked, left: Sequence[Question], journal: Journal[Answer], *, total: int, progress: Progress
) -> None:
    """Put each answer into the journal and report it."""
    before = len(journal.records)

    def report() -> None:
        done = total - len(left) + len(journal.records) - before
        progress(Step(done=done, total=total, unit="answers"))

    if left:
        with closing(asked.open().answers(left, report)) as answers:
            for answer in answers:
                journal.append(answer)
                report()


def _plan(asked: Asked, questions: Any, left: Sequence[Question]) -> dict[str, Any]:
    num_bytes = sum(len(question.text.encode()) for question in left)
    return {
        "judge": asked.shown,
        "requests": len(left),
        "kept_answers": len(questions) - len(left),
        "estimated_input_tokens": -(-num_bytes // BYTES_PER_TOKEN),
        "most_output_tokens": MAX_TOKENS * len(left),
    }


def _summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    answers = [answer for verdict in verdicts for answer in (verdict.as_is, verdict.swapped)]
    given = [verdict.probability for verdict in verdicts if verdict.probability is not None]
    masses = [answer.mass for answer in answers if answer.mass is not None]
    return {
        "comparisons": len(verdicts),
        "abstentions": len(verdicts) - len(given),
        "answers": Counter(answer.basis for answer in answers),
        "mean_probability": fmean(given) if given else None,
        "mean_mass": fmean(masses) if masses else None,
        "position": consistency(verdicts)._asdict() if given else None,
    }
