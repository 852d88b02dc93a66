"""When reinforcement learning must end before its time, and which policy was the last good one."""

from collections.abc import Callable, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignment.policy.rl_rollouts import Batch

PATIENCE = 3


class StopRules(TrainerCallback):
    """Looks at each batch, which shows what the policy of the step before has become.

    Two things end a training: a mean KL divergence above the limit, and three batches in a row without
    variety. Then `reason` is a clause that says so. No checkpoint is kept of a batch that looked bad, so
    there is nothing to remember when a training is taken up again.

    newest: gives the batch of the step; last_good: the step whose policy wrote the last good batch.
    """

    def __init__(self, max_kl: float, newest: Callable[[], Batch]) -> None:
        self._max_kl = max_kl
        self._newest = newest
        self._num_collapsed = 0
        self.reason = ""
        self.last_good = 0

    def look(self, batch: Batch, step: int) -> bool:
        """Whether the batch is good. step: the one whose policy wrote it, 0 for the start."""
        kl = float(batch.kls.mean())
        collapsed = is_collapsed([text for _, text in batch.responses])
        self._num_collapsed = self._num_collapsed + 1 if collapsed else 0
        if kl > self._max_kl:
            self.reason = f"the KL divergence of a batch was {kl:.1f}, above the limit of {self._max_kl:g}"
        elif self._num_collapsed >= PATIENCE:
            self.reason = f"the responses of {PATIENCE} batches in a row were all empty or the same"
        elif not self._num_collapsed:
            self.last_good = step
            return True
        return False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The batch before a checkpoint was good, or it would not have been kept."""
        self.last_good = max(state.global_step - 1, 0)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Comes after the callback that reports, so that a checkpoint wished for there is not kept either."""
        if "loss" not in (logs or {}):
            return  # the summary at the end, which is about no new batch
        if not self.look(self._newest(), state.global_step - 1):
            control.should_save = False
        if self.reason:
            control.should_training_stop = True


def is_collapsed(texts: Sequence[str]) -> bool:
    """All of them are the same text, or empty beside it."""
    return len(set(texts) - {""}) <= 1
