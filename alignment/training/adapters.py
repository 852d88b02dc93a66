"""Low-rank adapters, which are trained instead of all weights and merged into them in the end."""

from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import PreTrainedModel

LORA_SCALE = 2  # alpha over rank


def with_adapters(
    network: PreTrainedModel, task_type: TaskType, rank: int, *, also: tuple[str, ...] = ()
) -> PeftModel:
    """Adapters on every linear layer inside the network; also: names of modules that are trained whole."""
    return get_peft_model(
        network,
        LoraConfig(
            task_type=task_type,
            r=rank,
            lora_alpha=LORA_SCALE * rank,
            target_modules="all-linear",
            modules_to_save=list(also) or None,
        ),
    )
