"""Train a reward model on the feedback of one language."""

from annotate.models import Run
from workers.job import Job, frozen, models, options


def arguments(run: Run) -> list[str]:
    chosen = options(run.config, "backbone", "method", "task", "seed")
    languages = ["--languages", *run.config["languages"]] if run.config["languages"] else []
    return ["train-reward", "--data", frozen(run.config["data"]), *chosen, *languages, *models()]


JOB = Job(arguments=arguments, role="reward_model", output="reward_model")
