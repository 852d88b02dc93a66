import pytest

from alignment.errors import AlignmentError
from alignment.reward.settings import FineTuning, Method, RewardSettings


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "batch_size", "lora_rank", "checkpoint_every"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_fine_tuning_takes_positive_numbers_only(name, value):
    with pytest.raises(AlignmentError, match="must be more than 0"):
        FineTuning(**{name: value})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"task": "cooking"}, "no task"), ({"max_tokens": 3}, "16 tokens"), ({"max_examples": -1}, "negative")],
)
def test_settings_that_make_no_sense_are_refused(changes, reason):
    with pytest.raises(AlignmentError, match=reason):
        RewardSettings(**{"task": "dialog", "method": Method.FROZEN, "seed": 1, **changes})
