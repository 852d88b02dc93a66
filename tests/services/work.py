"""Work for real workers, on tiny random checkpoints, and a look at how it goes."""

import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from annotate.models import Experiment, Run
from tests.annotate.factories import (
    ExperimentFactory,
    ImportedSystemFactory,
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
    RunFactory,
    UserFactory,
)
from tests.services.conftest import ROOT, lives
from workers.job import store

MANY = 150  # prompts: enough to kill something in the middle
GOOD = ("It was warm", "We laughed all day", "She smiled", "What a lovely song", "They danced", "I was home")
BAD = ("It rained again", "The roof fell in", "He lost the key", "Nobody came", "They left", "I was cold")


def queue_sampling(policy: Path, *, num_prompts: int = MANY) -> Run:
    """A queued run that samples for many prompts, which takes a while."""
    prompts = [PromptFactory(prompt_set__language=LanguageFactory(tag="es")) for _ in range(num_prompts)]
    digest = store().put_lines("prompts.jsonl", [prompt.as_record() for prompt in prompts]).digest
    config = {"task": "continuation", "policy": str(policy), "n": 4, "seed": 3, "prompts": digest}
    return RunFactory(
        kind=Run.Kind.SAMPLE,
        status="queued",
        target_id="es",
        config={**config, "languages": ["en", "es"]},
    )


def plan_experiment(policy: Path, encoder: Path, *, targets: tuple[str, ...] = ("es",)) -> Experiment:
    """An experiment not yet launched: rated lines in English and the targets, openings in the targets."""
    held_out = [(tag, "test") for tag in targets]
    for tag, split in (("en", "train"), ("en", "validation"), ("en", "test"), *held_out):
        lines = PromptSetFactory(language=LanguageFactory(tag=tag), dataset="lines", split=split)
        prompt = PromptFactory(prompt_set=lines, text="")
        for text in GOOD + BAD:
            system = ImportedSystemFactory(language=lines.language)
            response = ResponseFactory(prompt=prompt, system=system, text=f"{text} {split}")
            RatingFactory(response=response, good=text in GOOD)
    for tag in targets:
        openings = PromptSetFactory(language=LanguageFactory(tag=tag), dataset="openings")
        ProficiencyFactory(language=openings.language)
        for text in ("Aquella noche", "El mar", "Mi abuela"):
            PromptFactory(prompt_set=openings, text=text)
    return ExperimentFactory.build(
        policy=str(policy), backbone=str(encoder), n=4, num_prompts=3, created_by=UserFactory()
    )


def news_of(run: Run) -> Run:
    run.refresh_from_db()
    return run


def under_way(run: Run, *, attempt: int = 1) -> bool:
    return news_of(run).attempt == attempt and run.status == "running" and run.done > 2


def processes_of(run: Run) -> list[int]:
    """The processes that work on a run: their command lines name its work directory."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and run.identity.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [process_id for process_id in found if lives(process_id)]


def uninterrupted(run: Run, output: Path) -> bytes:
    """The bytes that the run's command writes when nobody disturbs it."""
    words = shlex.split(run.command)[1:]
    words[words.index("--output") + 1] = str(output)
    subprocess.run([sys.executable, *words, "--progress", "none"], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return output.read_bytes()
