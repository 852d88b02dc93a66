import pytest

from alignment.errors import AlignmentError
from alignment.training.settings import FineTuning


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "batch_size", "lora_rank", "checkpoint_every"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_fine_tuning_takes_positive_numbers_only(name, value):
    with pytest.raises(AlignmentError, match="must be more than 0"):
        FineTuning(**{name: value})
