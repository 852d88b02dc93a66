"""What past attempts say about the time that a run will take."""

from datetime import timedelta

import pytest

from annotate.models import Attempt, Run
from annotate.services.rates import NEWEST, estimate, measured
from tests.annotate.factories import RunFactory

pytestmark = pytest.mark.django_db
GEMMA, QWEN = "package:gemma3-270m", "/models/qwen"


def attempted(now, seconds, *, kind=Run.Kind.SAMPLE, units=100, model=GEMMA, **attempt):
    """A run that succeeded; the rest describes its attempt."""
    name = "policy" if kind in (Run.Kind.SAMPLE, Run.Kind.SFT) else "backbone"
    run = RunFactory(kind=kind, num_units=units, total=10, config={name: model})
    fields = {"number": 1, "worker": "w", "outcome": Attempt.Outcome.SUCCEEDED} | attempt
    ended = now + timedelta(seconds=seconds)
    return Attempt.objects.create(run=run, started_at=now, ended_at=ended, **fields)


def test_nothing_is_estimated_where_nothing_was_measured(now):
    attempted(now, 50, kind=Run.Kind.SCORE)

    assert estimate("sample", 10, model=GEMMA) is None


def test_the_median_rate_is_applied_to_the_number_of_units(now):
    for seconds in (100, 200, 9000):
        attempted(now, seconds)

    found = estimate("sample", 50, model=GEMMA)

    assert (found.seconds, found.num_attempts) == (100, 3)
    assert found.basis == "Measured in 3 attempts with the same model on the CPU."


def test_the_same_model_counts_before_another(now):
    attempted(now, 100)
    attempted(now, 5000, model=QWEN)

    assert estimate("sample", 100, model=GEMMA).seconds == 100


def test_another_model_is_better_than_nothing_and_is_named_so(now):
    attempted(now, 5000, model=QWEN)

    found = estimate("sample", 100, model=GEMMA)

    assert found.seconds == 5000
    assert "with another model" in found.basis


def test_the_device_of_the_newest_attempt_counts_unless_another_is_named(now):
    attempted(now, 1000)
    attempted(now, 10, device="NVIDIA H100")

    newest, on_cpu = estimate("sample", 100, model=GEMMA), estimate("sample", 100, model=GEMMA, device="")

    assert (newest.seconds, on_cpu.seconds) == (10, 1000)
    assert newest.basis == "Measured in 1 attempt with the same model on NVIDIA H100."


def test_only_what_succeeded_is_measured(now):
    attempted(now, 1, outcome=Attempt.Outcome.FAILED)

    assert estimate("sample", 100) is None


def test_an_attempt_that_went_on_from_a_checkpoint_is_measured_by_what_it_did_itself(now):
    attempted(now, 50, done_before=5)

    assert estimate("sample", 100).seconds == 100


def test_rewards_are_told_apart_by_the_backbone_of_their_reward_model(now):
    for model, seconds in ((GEMMA, 7), (QWEN, 700)):
        attempt = attempted(now, seconds, kind=Run.Kind.SCORE)
        attempt.run.config = {"task": "continuation"}
        attempt.run.save()
        attempt.run.parents.add(RunFactory(kind=Run.Kind.REWARD_MODEL, config={"backbone": model}))

    assert estimate("score", 100, model=QWEN).seconds == 700


def test_a_pool_of_an_sft_policy_is_told_by_its_base_policy(now):
    attempt = attempted(now, 7)
    attempt.run.config = {}
    attempt.run.save()
    attempt.run.parents.add(RunFactory(kind=Run.Kind.SFT, config={"policy": QWEN}))

    assert "the same model" in estimate("sample", 100, model=QWEN).basis


def test_a_run_of_unknown_size_has_no_estimate(now):
    attempted(now, 100)

    assert estimate("sample", 0) is None


def test_old_attempts_are_forgotten_kind_by_kind(now):
    attempted(now, 5, kind=Run.Kind.SCORE)
    for _ in range(NEWEST + 3):
        attempted(now, 10)

    kinds = [one.kind for one in measured().attempts]

    assert (kinds.count("sample"), kinds.count("score")) == (NEWEST, 1)


def test_the_number_of_queries_does_not_grow(now, django_assert_num_queries):
    for kind in Run.Kind.values:
        for _ in range(3):
            attempted(now, 10, kind=kind)

    with django_assert_num_queries(2):
        measured()
