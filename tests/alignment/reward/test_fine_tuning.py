import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.packages.origin import Origin, read_origin, write_origin
from alignment.policy.checkpoints import load_backbone, prepare
from alignment.progress import Step
from alignment.reward.model import RewardModel
from alignment.reward.settings import Method
from alignment.reward.training import Order, train
from tests.alignment.conftest import copy_of
from tests.alignment.reward.conftest import pairs, quick, ratings, settings
from tests.alignment.reward.test_training import files

# peft asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

FEEDBACK = {
    "ratings": [*ratings(24), *ratings(8, split="validation")],
    "pairs": [*pairs(24), *pairs(8, split="validation")],
}
FINE_TUNED = [Method.FULL, Method.LORA]


def order(backbone, kind: str, method: Method, **changes) -> Order:
    return Order(settings(method, fine_tuning=quick(**changes)), FEEDBACK[kind], backbone)


def stop_at(number: int):
    def report(step: Step) -> None:
        if step.unit == "steps" and step.done == number:
            raise InterruptedError

    return report


@pytest.mark.parametrize("method", FINE_TUNED)
@pytest.mark.parametrize("kind", FEEDBACK)
def test_training_reports_each_step_with_loss_and_accuracy(backbone, tmp_path, kind, method):
    steps: list[Step] = []

    train(order(backbone, kind, method), tmp_path / "model", cache=tmp_path, progress=steps.append)

    assert [(step.done, step.total) for step in steps] == [(number, 6) for number in range(1, 7)]
    assert all({"loss", "accuracy"} <= set(step.metrics) for step in steps)


@pytest.mark.parametrize("method", FINE_TUNED)
@pytest.mark.parametrize("kind", FEEDBACK)
def test_it_learns_what_it_is_shown(encoder, tmp_path, kind, method):
    steps: list[Step] = []
    asked = order(encoder, kind, method, epochs=20, learning_rate=3e-3)

    train(asked, tmp_path / "model", cache=tmp_path, progress=steps.append)

    accuracies = [step.metrics["accuracy"] for step in steps]
    assert np.mean(accuracies[-6:]) > 0.85
    assert np.mean(accuracies[-6:]) > np.mean(accuracies[:6])


@pytest.mark.parametrize("method", FINE_TUNED)
def test_the_backbone_is_trained_and_its_source_is_left_as_it_was(backbone, tmp_path, method):
    before = files(backbone.directory)

    train(order(backbone, "ratings", method), tmp_path / "model", cache=tmp_path)

    assert files(backbone.directory) == before
    trained = load_backbone(tmp_path / "model" / "backbone").model.state_dict()
    source = load_backbone(backbone.directory).model.state_dict()
    assert set(trained) == set(source)
    assert any(not np.array_equal(trained[name].numpy(), source[name].numpy()) for name in source)


@pytest.mark.parametrize("method", FINE_TUNED)
@pytest.mark.parametrize("kind", FEEDBACK)
@pytest.mark.parametrize("stop", [2, 4, 6])
def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(encoder, tmp_path, kind, method, stop):
    asked = order(encoder, kind, method)
    train(asked, tmp_path / "straight", cache=tmp_path)

    with pytest.raises(InterruptedError):
        train(asked, tmp_path / "stopped", cache=tmp_path, progress=stop_at(stop))
    assert not (tmp_path / "stopped").exists()
    steps: list[Step] = []
    train(asked, tmp_path / "stopped", cache=tmp_path, progress=steps.append)

    assert [step.done for step in steps] == list(range(stop + 1, 7))
    assert files(tmp_path / "stopped") == files(tmp_path / "straight")


def test_the_checkpoint_of_another_order_is_not_taken_up(encoder, tmp_path):
    with pytest.raises(InterruptedError):
        train(order(encoder, "pairs", Method.FULL), tmp_path / "model", cache=tmp_path, progress=stop_at(4))
    steps: list[Step] = []

    other = order(encoder, "pairs", Method.FULL, learning_rate=2e-3)
    train(other, tmp_path / "model", cache=tmp_path, progress=steps.append)

    assert steps[0].done == 1


def test_pairs_and_ratings_together_are_refused(encoder, tmp_path):
    both = Order(settings(Method.FULL, fine_tuning=quick()), [*ratings(8), *pairs(8)], encoder)

    with pytest.raises(AlignmentError, match="give one kind, or use frozen"):
        train(both, tmp_path / "model", cache=tmp_path)


def test_a_loss_that_is_no_number_ends_the_training_with_advice(encoder, tmp_path):
    with pytest.raises(AlignmentError, match="lower the learning rate"):
        train(order(encoder, "pairs", Method.FULL, learning_rate=1e30), tmp_path / "model", cache=tmp_path)


def test_a_trained_backbone_keeps_the_prefix_of_its_inputs(tiny_encoder, tmp_path):
    source = copy_of(tiny_encoder, tmp_path)
    write_origin(
        source, Origin(source="s", revision="1", licence="MIT", licence_url="", input_prefix="query: ")
    )
    encoder = prepare(str(source), (), tmp_path)

    train(order(encoder, "ratings", Method.FULL), tmp_path / "model", cache=tmp_path)

    assert RewardModel.load(tmp_path / "model").extractor.formatter.prefix == "query: "
    record = read_origin(tmp_path / "model" / "backbone")
    assert record is not None
    assert record.digest != encoder.digest
