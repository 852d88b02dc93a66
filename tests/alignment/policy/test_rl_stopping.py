import numpy as np
import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from alignment.policy.rl_rollouts import Batch
from alignment.policy.rl_stopping import StopRules, is_collapsed
from alignment.records import Prompt

PROMPT = Prompt(text="A", language="en")


def batch(*texts: str, kl: float = 1.0) -> Batch:
    num = len(texts)
    return Batch([(PROMPT, text) for text in texts], [3] * num, np.zeros(num), np.full(num, kl))


GOOD, SAME, EMPTY = batch("one", "two"), batch("one", "one"), batch("", "")


def rules(newest: Batch = GOOD) -> StopRules:
    return StopRules(max_kl=5.0, newest=lambda: newest)


@pytest.mark.parametrize("texts", [("one", "one"), ("", ""), ("one", "", "one")])
def test_the_same_or_empty_responses_are_a_collapse(texts):
    assert is_collapsed(texts)


def test_two_texts_are_no_collapse():
    assert not is_collapsed(("one", "two", ""))


def test_a_mean_divergence_above_the_limit_ends_the_training():
    own = rules()

    assert own.look(batch("one", "two", kl=5.0), 0)
    assert not own.look(batch("one", "two", kl=5.1), 1)

    assert own.reason == "the KL divergence of a batch was 5.1, above the limit of 5"
    assert own.last_good == 0


@pytest.mark.parametrize("collapsed", [SAME, EMPTY])
def test_three_batches_in_a_row_without_variety_end_it(collapsed):
    own = rules()
    own.look(GOOD, 4)

    for step in (5, 6, 7):
        assert own.reason == ""
        assert not own.look(collapsed, step)

    assert "3 batches in a row" in own.reason
    assert own.last_good == 4


def test_variety_in_between_starts_the_count_anew():
    own = rules()

    for step, one in enumerate((SAME, SAME, GOOD, SAME, SAME)):
        own.look(one, step)

    assert own.reason == ""
    assert own.last_good == 2


def control_after(own: StopRules, tmp_path, name: str = "loss") -> TrainerControl:
    control = TrainerControl(should_save=True)
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    own.on_log(arguments, TrainerState(global_step=3), control, {name: 0.0})
    return control


def test_the_checkpoint_of_a_good_batch_is_kept(tmp_path):
    control = control_after(rules(GOOD), tmp_path)

    assert control.should_save
    assert not control.should_training_stop


def test_no_checkpoint_is_kept_while_the_responses_are_all_the_same(tmp_path):
    control = control_after(rules(SAME), tmp_path)

    assert not control.should_save
    assert not control.should_training_stop


def test_a_broken_limit_stops_without_a_checkpoint(tmp_path):
    control = control_after(rules(batch("one", "two", kl=9.0)), tmp_path)

    assert not control.should_save
    assert control.should_training_stop


def test_a_batch_shows_the_policy_of_the_step_before(tmp_path):
    own = rules()

    control_after(own, tmp_path)

    assert own.last_good == 2


def test_a_training_taken_up_again_knows_that_the_batch_before_was_good(tmp_path):
    own = rules()

    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    own.on_train_begin(arguments, TrainerState(global_step=8), TrainerControl())

    assert own.last_good == 7


def test_the_summary_at_the_end_counts_no_batch_twice(tmp_path):
    own = rules(SAME)

    for name in ("loss", "loss", "train_loss"):
        control_after(own, tmp_path, name)

    assert own.reason == ""
