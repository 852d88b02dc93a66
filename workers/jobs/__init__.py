"""The job of each kind of run."""

from collections.abc import Mapping

from annotate.models import Run
from workers.job import Job
from workers.jobs import accuracy, best_of_n, reward_model, sample, score, sft

JOBS: Mapping[str, Job] = {
    Run.Kind.REWARD_MODEL: reward_model.JOB,
    Run.Kind.SFT: sft.JOB,
    Run.Kind.SAMPLE: sample.JOB,
    Run.Kind.SCORE: score.JOB,
    Run.Kind.BEST_OF_N: best_of_n.JOB,
    Run.Kind.ACCURACY: accuracy.JOB,
}
