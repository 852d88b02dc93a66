import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from alignment.errors import AlignmentError
from alignment.packages.origin import Origin, read_origin, write_origin
from alignment.policy.checkpoints import load_policy
from alignment.policy.rl import train
from alignment.policy.rl_card import RLCard
from alignment.policy.rl_settings import RLMethod
from alignment.progress import Step
from tests.alignment.conftest import copy_of
from tests.alignment.little_memory import little_memory
from tests.alignment.policy.rl_orders import files, order, settings, stop_at

# TRL asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

METHODS = list(RLMethod)
LEARNS = {"steps": 30, "batch_size": 16, "learning_rate": 1e-2}
BREAKS = {"steps": 12, "learning_rate": 3e-2, "kl_weight": 0.0, "max_kl": 1.0, "checkpoint_every": 1}


@pytest.mark.parametrize("method", METHODS)
def test_the_reward_rises(tiny_policy, tmp_path, method):
    card = train(order(tiny_policy, method=method, **LEARNS), tmp_path / "policy")

    assert card.metrics["reward"] > card.metrics["reward_before"] + 1.0
    assert card.metrics["kl"] > 0.5
    assert card.metrics["kl_before"] == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_a_high_weight_of_the_divergence_keeps_the_policy_near_its_start(tiny_policy, tmp_path, method):
    free = train(order(tiny_policy, method=method, **LEARNS, kl_weight=0.0), tmp_path / "free")

    held = train(order(tiny_policy, method=method, **LEARNS, kl_weight=10.0), tmp_path / "held")

    assert held.metrics["kl"] < free.metrics["kl"] / 2


@pytest.mark.parametrize("method", METHODS)
def test_each_step_is_reported_with_its_curves(tiny_policy, tmp_path, method):
    steps: list[Step] = []

    train(order(tiny_policy, method=method), tmp_path / "policy", progress=steps.append)

    assert [(step.done, step.total, step.unit) for step in steps] == [(n, 6, "steps") for n in range(1, 7)]
    assert all({"reward", "kl", "length", "off_language", "loss"} <= set(step.metrics) for step in steps)
    assert steps[0].metrics["kl"] == 0.0


def test_now_and_then_a_fresh_response_is_shown(tiny_policy, tmp_path):
    steps: list[Step] = []

    train(order(tiny_policy), tmp_path / "policy", progress=steps.append)

    assert [step.done for step in steps if step.text] == [1, 6]
    assert steps[0].text.startswith("en: ")


def test_the_policy_is_a_directory_that_is_loaded_like_any_other(tiny_policy, tmp_path):
    train(order(tiny_policy), tmp_path / "policy")

    trained, start = load_policy(tmp_path / "policy"), load_policy(tiny_policy)
    assert set(trained.model.state_dict()) == set(start.model.state_dict())
    assert trained.tokenizer.get_vocab() == start.tokenizer.get_vocab()
    assert not (tmp_path / "policy.partial").exists()


def test_small_updates_of_a_start_in_bfloat16_are_not_rounded_away(tiny_policy, tmp_path):
    start = copy_of(tiny_policy, tmp_path)
    load_policy(tiny_policy, dtype=torch.bfloat16).model.save_pretrained(start)
    steps: list[Step] = []

    train(order(start, learning_rate=1e-6), tmp_path / "policy", progress=steps.append)

    trained, before = load_policy(tmp_path / "policy").model, load_policy(start, dtype=torch.float32).model
    assert trained.dtype == torch.float32
    assert steps[0].metrics["kl"] == 0.0
    moved = [not torch.equal(*pair) for pair in zip(trained.parameters(), before.parameters(), strict=True)]
    assert all(moved)


def test_the_start_is_left_as_it_was(tiny_policy, tmp_path):
    before = files(tiny_policy)

    train(order(tiny_policy), tmp_path / "policy")

    assert files(tiny_policy) == before


def test_the_card_says_where_the_policy_comes_from(tiny_policy, tmp_path):
    asked = order(tiny_policy)

    train(asked, tmp_path / "policy")

    card = RLCard.read(tmp_path / "policy")
    assert card.policy["digest"] == asked.policy.digest
    assert card.reward_model == {"name": "likes_vowels"}
    assert (card.prompts, card.truncated, card.step, card.stopped) == ({"en": 4}, {}, 6, "")
    assert card.settings["kl_weight"] == 0.01


def test_the_licence_of_the_start_goes_with_it(tiny_policy, tmp_path):
    source = copy_of(tiny_policy, tmp_path)
    write_origin(source, Origin(source="s", revision="1", licence="Gemma", licence_url=""))

    train(order(source), tmp_path / "policy")

    record = read_origin(tmp_path / "policy")
    assert record is not None
    assert record.origin.licence == "Gemma"
    load_policy(tmp_path / "policy")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [1, 3, 4, 6])
def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(tiny_policy, tmp_path, method, stop):
    asked, straight, rest = order(tiny_policy, method=method), [], []
    train(asked, tmp_path / "straight", progress=straight.append)

    with pytest.raises(InterruptedError):
        train(asked, tmp_path / "stopped", progress=stop_at(stop))
    assert not (tmp_path / "stopped").exists()
    train(asked, tmp_path / "stopped", progress=rest.append)

    assert rest == straight[stop:]
    assert files(tmp_path / "stopped") == files(tmp_path / "straight")


def test_the_same_order_again_changes_nothing(tiny_policy, tmp_path):
    first = train(order(tiny_policy), tmp_path / "policy")
    before = (tmp_path / "policy" / "policy.json").stat().st_mtime_ns

    again = train(order(tiny_policy), tmp_path / "policy", progress=stop_at(1))

    assert again == first
    assert (tmp_path / "policy" / "policy.json").stat().st_mtime_ns == before


def test_another_order_does_not_overwrite(tiny_policy, tmp_path):
    train(order(tiny_policy), tmp_path / "policy")

    with pytest.raises(AlignmentError, match="choose another place"):
        train(order(tiny_policy, seed=4), tmp_path / "policy")


def test_what_another_command_left_is_not_overwritten(tiny_policy, tmp_path):
    source = copy_of(tiny_policy, tmp_path)

    with pytest.raises(AlignmentError, match="choose another place"):
        train(order(tiny_policy), source)


@pytest.mark.parametrize("change", [{"seed": 4}, {"kl_weight": 0.5}, {"group": 2}])
def test_the_checkpoint_of_another_order_is_not_taken_up(tiny_policy, tmp_path, change):
    with pytest.raises(InterruptedError):
        train(order(tiny_policy), tmp_path / "policy", progress=stop_at(4))
    steps: list[Step] = []

    train(order(tiny_policy, **change), tmp_path / "policy", progress=steps.append)

    assert steps[0].done == 1


def test_rewards_of_another_model_make_another_order(tiny_policy):
    one = order(tiny_policy)
    other = one._replace(reward=one.reward._replace(facts={"name": "another"}))

    assert one.identity != other.identity


@pytest.mark.parametrize("method", METHODS)
def test_a_policy_that_goes_too_far_is_taken_back_to_the_last_good_checkpoint(tiny_policy, tmp_path, method):
    asked, steps = order(tiny_policy, method=method, **BREAKS), []

    card = train(asked, tmp_path / "policy", progress=steps.append)

    *learning, told = steps
    assert [step.metrics["kl"] > 1.0 for step in learning] == [False] * (len(learning) - 1) + [True]
    # The last step's batch showed the policy of the step before; the good one is at least another before.
    assert card.step == learning[-1].done - 2
    assert card.metrics["kl"] <= 1.5
    assert f"The policy of step {card.step} is kept." in card.stopped
    assert told.note == card.stopped
    assert told.done == learning[-1].done


def test_the_last_update_is_held_to_the_limit_too(tiny_policy, tmp_path):
    """The rate of the first update is 0, so only the batch after the second shows a policy that moved."""
    card = train(order(tiny_policy, **BREAKS | {"steps": 2, "max_kl": 0.1}), tmp_path / "policy")

    assert card.stopped.startswith("Stopped at step 2: the KL divergence of a batch was")
    assert card.step == 1
    assert card.metrics["kl"] == 0.0


def test_a_training_killed_after_it_went_too_far_comes_to_the_same_end(tiny_policy, tmp_path):
    asked = order(tiny_policy, **BREAKS)
    train(asked, tmp_path / "straight")

    def die(step: Step) -> None:
        if step.note:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(asked, tmp_path / "killed", progress=die)
    train(asked, tmp_path / "killed")

    assert files(tmp_path / "killed") == files(tmp_path / "straight")


def test_a_policy_that_goes_too_far_before_any_checkpoint_is_refused_with_advice(tiny_policy, tmp_path):
    asked = order(tiny_policy, **BREAKS | {"checkpoint_every": 12})

    with pytest.raises(AlignmentError, match="lower the learning rate, raise the KL weight"):
        train(asked, tmp_path / "policy")


def test_a_policy_that_writes_always_the_same_is_taken_back(tiny_policy, tmp_path):
    """Rewards for the one letter, and updates so large that soon nothing else is written."""

    def likes_e(responses):
        return np.array([10.0 * text.startswith("e") for _, text in responses])

    changes = {"steps": 40, "learning_rate": 3e-2, "kl_weight": 0.0, "max_kl": 1e9, "checkpoint_every": 1}
    card = train(order(tiny_policy, likes_e, max_response_tokens=1, **changes), tmp_path / "policy")

    assert "all empty or the same" in card.stopped
    assert card.step < 37


def test_updates_that_ruin_the_policy_end_with_advice(tiny_policy, tmp_path):
    with pytest.raises(AlignmentError, match="lower the learning rate"):
        train(order(tiny_policy, learning_rate=1e30, max_kl=1e30), tmp_path / "policy")


def test_a_language_that_was_cut_is_counted(tiny_policy, tmp_path):
    asked = order(tiny_policy, steps=1)
    long = replace(asked.prompts[0], text="The morning light came in. " * 80)

    card = train(asked._replace(prompts=[long, asked.prompts[1]]), tmp_path / "policy")

    assert (card.prompts, card.truncated) == ({"en": 2}, {"en": 1})


def test_every_prompt_is_used_before_one_is_used_again(tiny_policy):
    asked = order(tiny_policy, steps=5)

    keys = asked.prompt_keys

    assert len(keys) == 12
    assert all(len(set(keys[start : start + 4])) == 4 for start in (0, 4, 8))
    assert keys[:4] != keys[4:8] or keys[4:8] != keys[8:12]


def test_a_card_of_another_version_is_refused(tiny_policy, tmp_path):
    train(order(tiny_policy, steps=1), tmp_path / "policy")
    path = tmp_path / "policy" / "policy.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))

    with pytest.raises(AlignmentError, match="another command or version"):
        RLCard.read(tmp_path / "policy")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task": "cooking"}, "no task"),
        ({"steps": 0}, "Steps must be more than 0"),
        ({"learning_rate": -1.0}, "Learning rate must"),
        ({"kl_weight": -0.1}, "KL weight cannot be negative"),
        ({"group": 1}, "at least 2 responses"),
        ({"batch_size": 6}, "multiple of the group"),
        ({"max_kl": 0.0}, "Max kl must"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, reason):
    with pytest.raises(AlignmentError, match=reason):
        settings(**change)


@pytest.mark.parametrize("method", METHODS)
def test_too_little_memory_halves_the_batch_once_and_the_curves_stay(tiny_policy, tmp_path, method):
    asked, straight, steps = order(tiny_policy, method=method), [], []
    train(asked, tmp_path / "straight", progress=straight.append)

    with little_memory(rows=4, after=4) as failed:
        card = train(asked, tmp_path / "little", progress=steps.append)

    assert failed == [8]
    (note,) = [step.note for step in steps if step.note]
    assert "2 parts of 4" in note
    assert card.notes == [note]
    curves = {step.done: step.metrics for step in steps if step.metrics}
    assert curves.keys() == {step.done for step in straight}
    for step in straight:
        assert curves[step.done] == pytest.approx(step.metrics, rel=1e-3, abs=1e-4)


def test_too_little_memory_for_half_a_batch_ends_with_advice(tiny_policy, tmp_path):
    with little_memory(rows=3), pytest.raises(AlignmentError, match="give a smaller batch"):
        train(order(tiny_policy), tmp_path / "policy")
