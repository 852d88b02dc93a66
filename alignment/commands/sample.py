"""`sample`: draw a response pool from a policy."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from alignment.digests import file_digest
from alignment.errors import AlignmentError
from alignment.journal import Journal
from alignment.jsonl import read_records
from alignment.languages import off_language_by_target
from alignment.policy.checkpoints import resolve
from alignment.policy.engines import EngineChoice, engine_name, open_engine
from alignment.policy.generation import SamplingSettings
from alignment.policy.instructions import policy_input
from alignment.progress import Progress, Step
from alignment.records import PooledResponse, Prompt, PromptPool
from alignment.sources import parse_source
from alignment.tasks import Task, task_named


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("sample", help="draw a response pool from a policy")
    parser.add_argument("--prompts", type=Path, required=True, metavar="FILE", help="prompts, JSON Lines")
    parser.add_argument("--policy", required=True, metavar="SOURCE", help="directory, package:… or hub id")
    parser.add_argument("--task", required=True, help="what is generated, such as continuation")
    parser.add_argument("--n", type=int, default=16, help="candidates for each prompt (16)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--languages", nargs="+", required=True, metavar="TAG", help="the languages in use")
    parser.add_argument("--temperature", type=float, default=1.0, help="1 samples from the policy itself")
    parser.add_argument("--max-response-tokens", type=int, metavar="N", help="default: the task's")
    parser.add_argument(
        "--rows-per-batch", type=int, default=64, metavar="N", help="responses written at once (64)"
    )
    parser.add_argument(
        "--float32",
        action="store_true",
        help="compute in float32: half as fast, and no response depends on what it is batched with",
    )
    parser.add_argument(
        "--engine",
        type=EngineChoice,
        choices=list(EngineChoice),
        default=EngineChoice.AUTO,
        help="what writes; they draw other responses (auto: vllm where it and an accelerator are there)",
    )
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for converted packages")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the pool, JSON Lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Sample a pool for every prompt; started again after a kill, go on with the prompts that are left."""
    task = task_named(arguments.task)
    settings, engine = _settings(arguments, task), engine_name(arguments.engine)
    lines = read_records(arguments.prompts, Prompt.from_json)
    prompts = _distinct(lines, settings.languages)
    checkpoint = resolve(
        parse_source(arguments.policy), arguments.models, settings.languages, progress=progress
    )
    dtype = torch.float32 if arguments.float32 else None
    identity = (file_digest(arguments.prompts), checkpoint.digest, repr((task, settings, dtype)), engine)
    journal = Journal(arguments.output, *identity, parse=PromptPool.from_json)

    def say(note: str) -> None:
        progress(Step(done=len(journal.records), total=len(prompts), unit="prompts", note=note))

    writer = open_engine(engine, checkpoint.directory, dtype, say)
    inputs = [policy_input(prompt, task, writer.tokenizer) for prompt in prompts]
    done = frozenset(pool.prompt.key for pool in journal.records)
    speed = _keep(writer.pools(inputs, settings, done=done), journal, len(prompts), progress)
    pools = {pool.prompt.key: pool for pool in journal.records}
    journal.publish(pools[prompt.key] for prompt in prompts)
    return {
        **_summary(journal.records),
        "duplicate_prompts": len(lines) - len(prompts),
        "truncated_prompts": Counter(each.prompt.language for each in inputs if each.truncated),
        "tokens_per_second": speed,
        "engine": engine,
        "policy": {
            "digest": checkpoint.digest,
            "revision": checkpoint.revision,
            "licence": checkpoint.licence,
        },
    }


def _settings(arguments: argparse.Namespace, task: Task) -> SamplingSettings:
    return SamplingSettings(
        n=arguments.n,
        seed=arguments.seed,
        max_response_tokens=arguments.max_response_tokens or task.max_response_tokens,
        stop=task.stop,
        languages=tuple(sorted(set(arguments.languages))),
        temperature=arguments.temperature,
        rows_per_batch=arguments.rows_per_batch,
    )


def _distinct(lines: Sequence[Prompt], languages: Sequence[str]) -> list[Prompt]:
    """Each prompt once. Raises AlignmentError for none at all, or one in a language that is not in use."""
    prompts: dict[str, Prompt] = {}
    for prompt in lines:
        if prompt.language not in languages:
            raise AlignmentError(
                f"There is a prompt in {prompt.language!r}: name that language in --languages."
            )
        prompts.setdefault(prompt.key, prompt)
    if not prompts:
        raise AlignmentError("There are no prompts in the file.")
    return list(prompts.values())


def _keep(
    sampled: Iterator[PromptPool], journal: Journal[PromptPool], total: int, progress: Progress
) -> float | None:
    """Put each pool into the journal and report it. Returns tokens per second; None if nothing was left."""
    started, num_tokens, speed = time.monotonic(), 0, None
    for pool in sampled:
        journal.append(pool)
        num_tokens += sum(response.num_tokens for response in _responses(pool))
        speed = num_tokens / (time.monotonic() - started)
        text = f"{pool.prompt.language}: {pool.candidates[0].text}"
        metrics = {"tokens per second": speed}
        progress(Step(done=len(journal.records), total=total, unit="prompts", metrics=metrics, text=text))
    return speed


def _summary(pools: Sequence[PromptPool]) -> dict[str, Any]:
    responses = [response for pool in pools for response in _responses(pool)]
    written_in = [
        (pool.prompt.language, response.detected_language) for pool in pools for response in _responses(pool)
    ]
    return {
        "prompts": len(pools),
        "responses": len(responses),
        "empty_responses": sum(not response.text for response in responses),
        "finished_share": fmean(response.finished for response in responses),
        "mean_tokens": fmean(response.num_tokens for response in responses),
        "off_language": {
            target: counts.as_json() for target, counts in off_language_by_target(written_in).items()
        },
    }


def _responses(pool: PromptPool) -> tuple[PooledResponse, ...]:
    return (pool.unaligned, *pool.candidates)
