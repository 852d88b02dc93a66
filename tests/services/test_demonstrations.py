"""An experiment that begins with fine-tuning, by a real worker: the pool is that of the SFT policy."""

import pytest

from annotate.models import Attempt, Comparison, Run
from annotate.services import experiments
from annotate.services.rates import measured, model_of
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import (
    ImportedSystemFactory,
    LanguageFactory,
    PromptFactory,
    PromptSetFactory,
    ResponseFactory,
)
from tests.services.conftest import wait_until
from tests.services.work import plan_experiment

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

tiny_policy, tiny_encoder = checkpoints.tiny_policy, checkpoints.tiny_encoder


@pytest.fixture
def experiment(tiny_policy, tiny_encoder, transactional_db):
    """With stories that the policy imitates in Spanish."""
    for split in ("train", "validation"):
        stories = PromptSetFactory(dataset="stories", split=split)
        for number in range(4):
            prompt = PromptFactory(prompt_set=stories, text=f"Aquella {split} {number}")
            ResponseFactory(prompt=prompt, system=ImportedSystemFactory(), text="noche cantamos todos.")
    experiment = plan_experiment(tiny_policy, tiny_encoder)
    experiment.demonstrations = "stories"
    return experiment


def test_the_responses_of_an_experiment_with_demonstrations_are_those_of_its_sft_policy(
    experiment, start_worker
):
    start_worker()

    experiments.launch(experiment, sources=[LanguageFactory(tag="en")], targets=[LanguageFactory(tag="es")])

    wait_until(lambda: all(run.is_terminal for run in experiment.runs.all()), 400)
    ended = {(run.kind, run.status, run.error) for run in experiment.runs.all()}
    assert ended == {(kind, "succeeded", "") for kind in Run.Kind.values}
    policy, pool = (experiment.runs.get(kind=kind) for kind in ("sft", "sample"))
    assert str(policy.identity) in pool.command or policy.artifacts.get().digest in pool.command
    assert Comparison.objects.filter(study=experiment.study).count() == 3
    assert Attempt.objects.filter(outcome="succeeded").count() == experiment.runs.count()
    rates = measured()
    for run in experiment.runs.all():
        assert rates.estimate(run.kind, run.num_units, model=model_of(run)) is not None
