"""What is seen of reinforcement learning while it runs."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from alignment.languages import Identifier
from alignment.policy.rl_rollouts import Batch
from alignment.progress import Progress, Step
from alignment.training.checkpointing import ProgressCallback

STEPS_PER_TEXT = 5


class BatchReport(ProgressCallback):
    """Reports each step with the curves of its batch, and now and then a response of it.

    newest: gives the batch of the step; to be set before the training begins.
    """

    newest: Callable[[], Batch]

    def __init__(self, progress: Progress, languages: Iterable[str]) -> None:
        super().__init__(lambda step: progress(self._with_text(step)))
        identifier = Identifier(languages)
        self.more_metrics = lambda: self.newest().metrics(identifier)

    def _with_text(self, step: Step) -> Step:
        if not step.metrics or step.done % STEPS_PER_TEXT != 1:
            return step
        prompt, text = self.newest().responses[0]
        return replace(step, text=f"{prompt.language}: {text}")
