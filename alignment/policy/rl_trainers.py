"""TRL's trainers for reinforcement learning, set up so that prompts, responses and penalty are ours.

They add what they are good at: advantages, loss, accumulation, optimizer and checkpoints. The pinned TRL
leaves two methods to be overridden for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset  # type: ignore[import-untyped]
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_config import RLOOConfig
from trl.trainer.rloo_trainer import RLOOTrainer

from alignment.memory import Batch
from alignment.policy.rl_rollouts import Rollouts
from alignment.policy.rl_settings import RLMethod, RLSettings
from alignment.training.arguments import shared_arguments

TokenIds = list[list[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RLTraining:
    """What a trainer is set up with; batch: how the responses of a step are computed."""

    rollouts: Rollouts
    tokenizer: PreTrainedTokenizerBase
    settings: RLSettings
    checkpoints: Path
    batch: Batch
    callbacks: Sequence[TrainerCallback]


class _Rloo(RLOOTrainer):
    """RLOO on our prompts and responses."""

    rollouts: Rollouts

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[TokenIds, None, dict[str, Any]]:
        """As `sample` asks them; TRL's own way has no instruction and no limit."""
        return self.rollouts.prompt_ids(prompts), None, {}

    def _generate_single_turn(self, prompt_ids: TokenIds, *_: Any) -> TokenIds:
        """Written as `sample` writes; TRL's own way knows no stop text and needs the global random state."""
        return self.rollouts.write(prompt_ids, self.state.global_step)


class _Grpo(GRPOTrainer):
    """GRPO on our prompts and responses, for the reasons given at `_Rloo`."""

    rollouts: Rollouts

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[TokenIds, None, dict[str, Any]]:
        return self.rollouts.prompt_ids(prompts), None, {}

    def _generate_single_turn(self, prompt_ids: TokenIds, *_: Any) -> tuple[TokenIds, None]:
        return self.rollouts.write(prompt_ids, self.state.global_step), None


def trainer_for(training: RLTraining, keys: Sequence[str]) -> Trainer:
    """keys: of the prompts, in the order of the steps, `prompts_per_step` for each."""
    common: dict[str, Any] = {
        "model": training.rollouts.policy,
        "reward_funcs": training.rollouts.penalised_rewards,
        "train_dataset": Dataset.from_dict({"prompt": list(keys)}),
        "processing_class": training.tokenizer,
        "callbacks": list(training.callbacks),
    }
    trainer: _Rloo | _Grpo
    if training.settings.method is RLMethod.RLOO:
        trainer = _Rloo(args=RLOOConfig(**_arguments(training)), **common)
    else:
        # dr_grpo divides by a constant, so that the gradient is the objective's for responses of any length.
        trainer = _Grpo(args=GRPOConfig(**_arguments(training), loss_type="dr_grpo"), **common)
    trainer.rollouts = training.rollouts
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(training: RLTraining) -> dict[str, Any]:
    """What both trainers share.

    beta is 0 because the penalty is in our rewards, so no second reference is loaded. Responses are written
    once per update, so every step is a place where a training can be taken up again. The callback that
    reports removes old checkpoints, all but two: of the newest it is not known yet whether it is good.
    """
    own = training.settings
    return {
        **shared_arguments(own.seed, training.batch, training.checkpoints),
        "max_steps": own.steps,
        "shuffle_dataset": False,
        "num_generations": own.group,
        "max_completion_length": own.max_response_tokens,
        "beta": 0.0,
        "disable_dropout": True,
        "learning_rate": own.learning_rate,
        "save_steps": own.checkpoint_every,
    }
