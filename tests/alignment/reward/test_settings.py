import pytest

from alignment.errors import AlignmentError
from alignment.reward.settings import Method, RewardSettings


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"task": "cooking"}, "no task"), ({"max_tokens": 3}, "16 tokens"), ({"max_examples": -1}, "negative")],
)
def test_settings_that_make_no_sense_are_refused(changes, reason):
    with pytest.raises(AlignmentError, match=reason):
        RewardSettings(**{"task": "dialog", "method": Method.FROZEN, "seed": 1, **changes})
