"""Sample a policy's response pool in one language."""

from pathlib import Path

from alignment.jsonl import read_records
from alignment.records import PromptPool
from annotate.models import Run
from annotate.services.systems import store_pool
from workers.job import Job, frozen, left_by_parent, models, options


def arguments(run: Run) -> list[str]:
    policy = run.config["policy"] if "policy" in run.config else left_by_parent(run, "policy")
    chosen = ["--policy", policy, *options(run.config, "task", "n", "seed")]
    languages = ["--languages", *run.config["languages"]]
    return ["sample", "--prompts", frozen(run.config["prompts"]), *chosen, *languages, *models()]


def record(run: Run, output: Path) -> None:
    """Keep the unaligned responses as those of a system."""
    store_pool(run, read_records(output, PromptPool.from_json))


JOB = Job(arguments=arguments, role="pool", output="pool.jsonl", record=record)
