import json

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.progress import Step
from alignment.records import Prompt, Rating
from alignment.reward import training
from alignment.reward.card import RewardModelCard
from alignment.reward.examples import responses_in
from alignment.reward.model import RewardModel
from alignment.reward.training import Order, train
from tests.alignment.reward.conftest import pairs, ratings, settings

FEEDBACK = [*ratings(40), *ratings(12, split="validation")]


def files(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_saved_reward_model_holds_everything(backbone, tmp_path):
    train(Order(settings(), FEEDBACK, backbone), tmp_path / "model", cache=tmp_path / "cache")

    saved = files(tmp_path / "model")
    assert {
        "reward_model.json",
        "head.safetensors",
        "backbone/model.safetensors",
        "backbone/config.json",
    } <= set(saved)
    assert saved["backbone/model.safetensors"] == (backbone.directory / "model.safetensors").read_bytes()


def test_nothing_is_left_beside_it(backbone, tmp_path):
    train(Order(settings(), FEEDBACK, backbone), tmp_path / "model", cache=tmp_path / "cache")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "model"]


def test_held_out_rewards_have_mean_zero_and_deviation_one_and_keep_the_order(backbone, tmp_path):
    train(Order(settings(), FEEDBACK, backbone), tmp_path / "model", cache=tmp_path)
    model = RewardModel.load(tmp_path / "model")
    held_out = responses_in(ratings(12, split="validation"))

    rewards, logits = model.rewards(held_out), model.logits(held_out)

    assert rewards.mean() == pytest.approx(0, abs=1e-9)
    assert rewards.std() == pytest.approx(1)
    assert np.argsort(rewards).tolist() == np.argsort(logits).tolist()


def test_a_good_response_gets_the_higher_reward(backbone, tmp_path):
    train(Order(settings(), FEEDBACK, backbone), tmp_path / "model", cache=tmp_path)
    model = RewardModel.load(tmp_path / "model")
    prompt = Prompt(text="", language="en")

    warm, cold = model.rewards(
        [(prompt, "The garden was sunny and kind"), (prompt, "The garden was grey and cruel")]
    )

    assert warm > cold


def test_the_card_tells_where_it_comes_from(encoder, tmp_path):
    order = Order(settings(), [*FEEDBACK, *ratings(4, language="de")], encoder)

    card = train(order, tmp_path / "model", cache=tmp_path)

    assert card == RewardModelCard.read(tmp_path / "model")
    assert card.backbone["digest"] == encoder.digest
    assert card.settings["seed"] == 7
    assert {tag: counts.ratings for tag, counts in card.counts.items()} == {"en": 52, "de": 4}
    assert card.measured_on == "validation"
    assert {"alignment", "torch", "trl"} <= set(card.code)


def test_the_same_order_makes_the_same_bytes(backbone, tmp_path):
    order = Order(settings(), FEEDBACK, backbone)
    for name in ("one", "two"):
        train(order, tmp_path / name, cache=tmp_path / f"cache of {name}")

    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_an_order_that_was_carried_out_is_not_carried_out_again(encoder, tmp_path, monkeypatch):
    order = Order(settings(), FEEDBACK, encoder)
    card = train(order, tmp_path / "model", cache=tmp_path)
    monkeypatch.setattr(training, "load_extractor", None)

    assert train(order, tmp_path / "model", cache=tmp_path) == card


@pytest.mark.parametrize("change", ["seed", "data"])
def test_another_order_never_overwrites_a_reward_model(encoder, tmp_path, change):
    train(Order(settings(), FEEDBACK, encoder), tmp_path / "model", cache=tmp_path)
    other = (
        Order(settings(seed=8), FEEDBACK, encoder)
        if change == "seed"
        else Order(settings(), pairs(9), encoder)
    )

    with pytest.raises(AlignmentError, match="already holds a reward model trained otherwise"):
        train(other, tmp_path / "model", cache=tmp_path)


def test_a_model_that_fails_its_check_is_not_published(encoder, tmp_path, monkeypatch):
    def refuse(*_):
        raise AlignmentError("not invariant")

    monkeypatch.setattr(training, "check_invariance", refuse)

    with pytest.raises(AlignmentError, match="not invariant"):
        train(Order(settings(), FEEDBACK, encoder), tmp_path / "model", cache=tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(encoder, tmp_path):
    order = Order(settings(), FEEDBACK, encoder)
    train(order, tmp_path / "straight", cache=tmp_path / "cache of straight")

    def stop(step: Step) -> None:
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            train(order, tmp_path / "stopped", cache=tmp_path / "cache", progress=stop)
    train(order, tmp_path / "stopped", cache=tmp_path / "cache")

    assert files(tmp_path / "stopped") == files(tmp_path / "straight")


def test_rewards_that_are_all_the_same_are_an_error(encoder, tmp_path):
    prompt = Prompt(text="", language="en", split="validation")
    same = [Rating(prompt=prompt, response="the dog", good=good) for good in (True, False)]

    with pytest.raises(AlignmentError, match="the same reward"):
        train(Order(settings(), [*ratings(20), *same], encoder), tmp_path / "model", cache=tmp_path)


def test_a_directory_that_is_no_reward_model_is_named(tmp_path):
    with pytest.raises(AlignmentError, match="holds no reward model"):
        RewardModel.load(tmp_path)


def test_a_card_of_another_version_is_refused(encoder, tmp_path):
    train(Order(settings(), FEEDBACK, encoder), tmp_path / "model", cache=tmp_path)
    path = tmp_path / "model" / "reward_model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))

    with pytest.raises(AlignmentError, match="another version"):
        RewardModel.load(tmp_path / "model")
