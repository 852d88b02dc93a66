"""The training itself: from the newest checkpoint, or from the base, to weights in the workshop."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
from peft import PeftModel, TaskType
from torch import nn
from transformers import AutoConfig, PreTrainedModel, set_seed

from alignment.memory import Batch
from alignment.packages.origin import read_origin, write_origin
from alignment.policy.checkpoints import Policy, load_policy
from alignment.policy.sft_card import DemonstrationCounts
from alignment.policy.sft_examples import Demonstrations, demonstrations_for
from alignment.policy.sft_settings import SFTMethod, SFTSettings
from alignment.policy.sft_trainer import PolicyTrainer, Tuning, positions_for, trainer_for
from alignment.records import Demonstration
from alignment.tasks import task_named
from alignment.training.adapters import with_adapters
from alignment.training.arguments import without_dropout
from alignment.training.checkpointing import ProgressCallback, checkpoint_of, go_on
from alignment.training.processes import whole_network
from alignment.training.workshop import Workshop

LAST_STEPS = 50


class Learned(NamedTuple):
    """What became of the base policy; see SFTCard."""

    counts: dict[str, DemonstrationCounts]
    max_tokens: int
    losses: dict[str, float]
    validation: dict[str, float]
    step: int
    notes: tuple[str, ...]


def learn(
    settings: SFTSettings,
    lines: Sequence[Demonstration],
    base: Path,
    batch: Batch,
    workshop: Workshop,
    callback: ProgressCallback,
) -> Learned:
    """Train in float32 and leave the policy in the workshop, in the precision in which the base is stored.

    The weights are those with the lowest validation loss; the last where there are no validation examples.
    """
    policy = load_policy(base, dtype=torch.float32)
    max_tokens = min(settings.limit, _readable_tokens(policy.model))
    data = demonstrations_for(lines, task_named(settings.task), policy.tokenizer, max_tokens)
    tuning = Tuning(
        network=_network(policy.model, settings),
        tokenizer=policy.tokenizer,
        own=settings.fine_tuning,
        seed=settings.seed,
        batch=batch,
        checkpoints=workshop.checkpoints,
        callback=callback,
    )
    notes = _notes(data, max_tokens)
    if not workshop.checkpoints.exists():  # the first time
        num_steps = -(-len(positions_for(tuning, data.train)) // settings.fine_tuning.batch_size)
        for note in notes:
            callback.say(note, total=num_steps)
    trainer = trainer_for(tuning, data)
    go_on(trainer, workshop.checkpoints, callback)
    step = _take_best(trainer, workshop.checkpoints)
    network = whole_network(trainer, tuning.network, lambda: _network_again(base, settings))
    _write(network, policy, base, workshop.model)
    validation = _logged(trainer, "eval_loss")
    losses = {"loss": fmean(list(_logged(trainer, "loss").values())[-LAST_STEPS:])}
    if validation:
        losses["validation_loss"] = validation[str(step)]
    return Learned(data.counts, max_tokens, losses, validation, step, notes)


def _readable_tokens(model: PreTrainedModel) -> int:
    """The longest text that the policy can read and write."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2**31)


def _network(model: PreTrainedModel, settings: SFTSettings) -> PreTrainedModel | PeftModel:
    set_seed(settings.seed % 2**32)
    without_dropout(model)
    if settings.method is SFTMethod.FULL:
        return model
    return with_adapters(model, TaskType.CAUSAL_LM, settings.fine_tuning.lora_rank)


def _network_again(base: Path, settings: SFTSettings) -> PreTrainedModel | PeftModel:
    return _network(load_policy(base, dtype=torch.float32).model, settings)


def _notes(data: Demonstrations, max_tokens: int) -> tuple[str, ...]:
    """What was left out, in a sentence for all languages."""
    if not data.num_too_long:
        return ()
    each = ", ".join(f"{count} {language}" for language, count in data.num_too_long.items())
    return (f"Demonstrations longer than {max_tokens} tokens were left out: {each}; raise --max-tokens.",)


def _take_best(trainer: PolicyTrainer, checkpoints: Path) -> int:
    """Put back the weights with the lowest validation loss. Returns their step."""
    last = trainer.state.global_step
    best = trainer.state.best_global_step or last
    if best != last:
        trainer.state.best_model_checkpoint = str(checkpoint_of(checkpoints, best))
        trainer._load_best_model()
    return best


def _write(network: nn.Module, policy: Policy, base: Path, place: Path) -> None:
    """A directory that `sample` takes as is, with what is known of the base's origin and licence."""
    whole = network.merge_and_unload() if isinstance(network, PeftModel) else network
    assert isinstance(whole, PreTrainedModel)  # noqa: S101
    stored = AutoConfig.from_pretrained(base, trust_remote_code=False).dtype
    nn.Module.to(whole, stored or torch.float32)
    whole.save_pretrained(place)
    policy.tokenizer.save_pretrained(place)
    record = read_origin(base)
    if record:
        write_origin(place, record.origin)


def _logged(trainer: PolicyTrainer, name: str) -> dict[str, float]:
    """A curve by step, as a card can hold it."""
    return {str(entry["step"]): float(entry[name]) for entry in trainer.state.log_history if name in entry}
