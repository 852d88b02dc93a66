"""Choose the best of n responses to each prompt, and queue them to the annotators."""

from pathlib import Path

from alignment.jsonl import read_records
from alignment.records import Selection
from annotate.models import Run
from annotate.services.studies import extend_studies
from annotate.services.systems import store_selections
from workers.job import Job, left_by_parent, options


def arguments(run: Run) -> list[str]:
    pool, rewards = left_by_parent(run, "pool"), left_by_parent(run, "rewards")
    return ["best-of-n", "--pool", pool, "--rewards", rewards, *options(run.config, "n")]


def record(run: Run, output: Path) -> None:
    """Keep what was chosen as the responses of a system, and compare it in each experiment's study."""
    store_selections(run, read_records(output, Selection.from_json))
    extend_studies(run)


JOB = Job(arguments=arguments, role="selections", output="selections.jsonl", record=record)
