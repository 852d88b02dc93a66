"""Give each response of a pool the reward of a reward model."""

from annotate.models import Run
from workers.job import Job, left_by_parent, models


def arguments(run: Run) -> list[str]:
    pool, reward_model = left_by_parent(run, "pool"), left_by_parent(run, "reward_model")
    return ["score", "--pool", pool, "--reward-model", reward_model, *models()]


JOB = Job(arguments=arguments, role="rewards", output="rewards.jsonl")
