"""The options of fine-tuning, which every command that trains weights on examples takes."""

import argparse

from alignment.training.settings import FineTuning


def add_fine_tuning(parser: argparse._ActionsContainer, *, checkpoint_help: str = "") -> None:
    """Offer the options. checkpoint_help: what else happens where a checkpoint is written."""
    defaults = FineTuning()
    parser.add_argument("--epochs", type=float, default=defaults.epochs, help=f"({defaults.epochs})")
    parser.add_argument("--learning-rate", type=float, help="(1e-5 for full, 1e-4 for lora)")
    parser.add_argument(
        "--batch-size", type=int, default=defaults.batch_size, help=f"({defaults.batch_size})"
    )
    parser.add_argument("--lora-rank", type=int, default=defaults.lora_rank, help=f"({defaults.lora_rank})")
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        default=defaults.checkpoint_every,
        metavar="STEPS",
        help=f"({defaults.checkpoint_every}){checkpoint_help}",
    )


def read_fine_tuning(arguments: argparse.Namespace, *, is_lora: bool) -> FineTuning:
    """What was chosen; adapters usually learn ten times as fast."""
    usual_rate = 1e-4 if is_lora else 1e-5
    return FineTuning(
        epochs=arguments.epochs,
        learning_rate=usual_rate if arguments.learning_rate is None else arguments.learning_rate,
        batch_size=arguments.batch_size,
        lora_rank=arguments.lora_rank,
        checkpoint_every=arguments.checkpoint_every,
    )
