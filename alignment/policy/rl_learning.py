"""The learning itself: from the newest checkpoint to the last step, or to the last good policy before it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.languages import Identifier
from alignment.memory import Batch as MemoryBatch
from alignment.policy.checkpoints import Policy, load_policy
from alignment.policy.decoding import Ending
from alignment.policy.instructions import PolicyInput, policy_input
from alignment.policy.rl_order import Order
from alignment.policy.rl_reporting import BatchReport
from alignment.policy.rl_rollouts import Batch, Rollouts, Scorer, count_positions
from alignment.policy.rl_stopping import StopRules
from alignment.policy.rl_trainers import RLTraining, trainer_for
from alignment.progress import Progress
from alignment.tasks import task_named
from alignment.training.attempts import train_within_memory
from alignment.training.checkpointing import go_on, newest_checkpoint
from alignment.training.workshop import Workshop


class Outcome(NamedTuple):
    """What learning gives; step: whose policy it is; stopped: why it ended early, "" where it did not."""

    policy: Policy
    inputs: list[PolicyInput]
    metrics: dict[str, float]
    step: int
    stopped: str


class Setup(NamedTuple):
    """What is loaded for an order; reference: a second copy of the start, which stays as it is."""

    order: Order
    policy: Policy
    reference: PreTrainedModel
    inputs: list[PolicyInput]
    rows_at_once: int

    def rollouts(self, writer: PreTrainedModel) -> Rollouts:
        """Of the policy or of the reference."""
        settings, task = self.order.settings, task_named(self.order.settings.task)
        scorer = Scorer(
            reference=self.reference, rewarder=self.order.reward.rewarder, kl_weight=settings.kl_weight
        )
        return Rollouts(
            writer,
            scorer,
            {one.prompt.key: one for one in self.inputs},
            _ending(writer, self.policy.tokenizer, task.stop, settings.max_response_tokens),
            seed=settings.seed,
            rows_at_once=self.rows_at_once,
        )

    def measure(self, writer: PreTrainedModel) -> Batch:
        """A batch of fresh responses to prompts that come after those of the last step."""
        settings, rollouts = self.order.settings, self.rollouts(writer)
        keys = self.order.prompt_keys[-settings.prompts_per_step :]
        keys = [key for key in keys for _ in range(settings.group)]
        return rollouts.assess(keys, rollouts.write(rollouts.prompt_ids(keys), settings.steps))


def learn(order: Order, workshop: Workshop, *, progress: Progress) -> Outcome:
    """Train from the newest whole checkpoint, or from the start.

    What `progress` raises is raised again once a checkpoint has been saved; a training taken up again ends
    with the same weights as one that was never stopped. Raises AlignmentError where a stop rule holds before
    there is a good checkpoint.
    """
    report = BatchReport(progress, order.settings.languages)

    def attempt(batch: MemoryBatch) -> Outcome:
        return _attempt(load_setup(order, rows_at_once=batch.per_device), batch, workshop, report)

    outcome = train_within_memory(workshop, order.settings.batch_size, attempt, report.say)
    if outcome.stopped:
        report.say(outcome.stopped)
    return outcome


def _attempt(setup: Setup, batch: MemoryBatch, workshop: Workshop, report: BatchReport) -> Outcome:
    order, rollouts = setup.order, setup.rollouts(setup.policy.model)
    report.newest = lambda: rollouts.newest
    rules = StopRules(order.settings.max_kl, report.newest)
    training = RLTraining(
        rollouts=rollouts,
        tokenizer=setup.policy.tokenizer,
        settings=order.settings,
        checkpoints=workshop.checkpoints,
        batch=batch,
        callbacks=[report, rules],
    )
    trainer = trainer_for(training, order.prompt_keys[: -order.settings.prompts_per_step])
    go_on(trainer, workshop.checkpoints, report)
    return _settle(setup, rules, trainer.state.global_step, workshop.checkpoints)


def load_setup(order: Order, *, rows_at_once: int) -> Setup:
    """In float32: the updates are smaller than what bfloat16 can tell apart."""
    policy, reference = (load_policy(order.policy.directory, dtype=torch.float32) for _ in range(2))
    for one in (policy, reference):
        module: torch.nn.Module = one.model
        module.register_forward_pre_hook(count_positions, with_kwargs=True)
    module.requires_grad_(False)
    task = task_named(order.settings.task)
    inputs = [policy_input(prompt, task, policy.tokenizer) for prompt in order.prompts]
    return Setup(order, policy, reference.model, inputs, rows_at_once)


def _ending(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, stop: str, max_tokens: int
) -> Ending:
    """As `sample` ends: a chat policy may name more tokens that end a turn."""
    configured = policy.generation_config.eos_token_id
    eos = set(configured) if isinstance(configured, list) else {configured}
    eos = (eos | {tokenizer.eos_token_id}) - {None}
    return Ending(tokenizer=tokenizer, eos=frozenset(eos), stop=stop, max_tokens=max_tokens)


def _settle(setup: Setup, rules: StopRules, step: int, checkpoints: Path) -> Outcome:
    """The policy of the last step if a closing batch of it is good, else the last good one."""
    identifier = Identifier(setup.order.settings.languages)
    model = setup.policy.model
    closing = None if rules.reason else setup.measure(model)
    if closing is not None:
        rules.look(closing, step)
    stopped, kept = "", step
    if rules.reason:
        kept = _take_back(model, rules, checkpoints)
        stopped = f"Stopped at step {step}: {rules.reason}. The policy of step {kept} is kept."
        closing = setup.measure(model)
    assert closing is not None  # noqa: S101  measured before or after
    before = setup.measure(setup.reference).metrics(identifier)
    metrics = closing.metrics(identifier) | {f"{name}_before": value for name, value in before.items()}
    return Outcome(setup.policy, setup.inputs, metrics, kept, stopped)


def _take_back(model: PreTrainedModel, rules: StopRules, checkpoints: Path) -> int:
    """Give the model the weights of the newest checkpoint that was seen to be good. Returns its step."""
    for checkpoint in checkpoints.glob("checkpoint-*"):
        if _step(checkpoint) > rules.last_good:
            shutil.rmtree(checkpoint)
    good = newest_checkpoint(checkpoints)
    if good is None:
        raise AlignmentError(
            f"Before there was a checkpoint, {rules.reason}; lower the learning rate, raise the KL weight, "
            "or checkpoint more often."
        )
    module: torch.nn.Module = model
    module.load_state_dict(load_policy(good, dtype=torch.float32).model.state_dict())
    return _step(good)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
