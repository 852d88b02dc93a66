"""Fine-tune the base policy on demonstrations in one target language."""

from annotate.models import Run
from workers.job import Job, frozen, models, options


def arguments(run: Run) -> list[str]:
    chosen = options(run.config, "policy", "method", "task", "seed")
    languages = ["--languages", *run.config["languages"]]
    return ["sft", "--data", frozen(run.config["data"]), *chosen, *languages, *models()]


JOB = Job(arguments=arguments, role="policy", output="policy")
