"""Measure a reward model on held-out feedback in every language."""

from annotate.models import Run
from workers.job import Job, frozen, left_by_parent, models, options, read_json


def arguments(run: Run) -> list[str]:
    data, reward_model = frozen(run.config["data"]), left_by_parent(run, "reward_model")
    chosen = options(run.config, "seed")
    return ["accuracy", "--data", data, "--reward-model", reward_model, *chosen, *models()]


JOB = Job(arguments=arguments, role="accuracy", output="accuracy.json", read_result=read_json)
