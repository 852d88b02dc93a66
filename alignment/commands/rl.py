"""`rl`: train a policy for reward by reinforcement learning, with a KL penalty."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from alignment.digests import file_digest
from alignment.errors import AlignmentError
from alignment.jsonl import read_records
from alignment.policy.checkpoints import prepare
from alignment.policy.rl import train
from alignment.policy.rl_order import Order, RewardSource
from alignment.policy.rl_settings import RLMethod, RLSettings
from alignment.progress import Progress
from alignment.records import Prompt
from alignment.reward.card import CARD_NAME
from alignment.reward.model import HEAD_NAME, RewardModel
from alignment.tasks import task_named


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("rl", help="train a policy for reward, with a KL penalty")
    parser.add_argument("--prompts", type=Path, required=True, metavar="FILE", help="prompts, JSON Lines")
    parser.add_argument("--policy", required=True, metavar="SOURCE", help="the start, of `sft` as a rule")
    parser.add_argument("--reward-model", type=Path, required=True, metavar="DIR", help="of `train-reward`")
    parser.add_argument("--task", required=True, help="what is generated, such as continuation")
    parser.add_argument("--languages", nargs="+", required=True, metavar="TAG", help="the languages in use")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="updates of the policy")
    _add_learning(parser.add_argument_group("how it learns"))
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="for converted packages")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the policy")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Train, or go on where the same command was stopped."""
    settings = _settings(arguments)
    lines = read_records(arguments.prompts, Prompt.from_json)
    prompts = _distinct(lines, settings.languages)
    policy = prepare(arguments.policy, settings.languages, arguments.models, progress)
    reward = _reward(arguments.reward_model, settings.task)
    card = train(Order(settings, prompts, policy, reward), arguments.output, progress=progress)
    return {
        "policy": str(arguments.output),
        "step": card.step,
        "stopped": card.stopped,
        "metrics": card.metrics,
        "prompts": card.prompts,
        "duplicate_prompts": len(lines) - len(prompts),
        "truncated_prompts": card.truncated,
        "start": card.policy,
        "reward_model": card.reward_model,
    }


def _add_learning(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--method", type=RLMethod, choices=list(RLMethod), default=RLMethod.RLOO, help="(rloo)"
    )
    group.add_argument("--kl-weight", type=float, default=0.05, help="cost of a nat of KL, in rewards (0.05)")
    group.add_argument("--max-kl", type=float, default=50.0, help="nats per response that end it (50)")
    group.add_argument("--group", type=int, default=4, metavar="N", help="responses to one prompt (4)")
    group.add_argument("--batch-size", type=int, default=32, metavar="N", help="responses per step (32)")
    group.add_argument("--learning-rate", type=float, default=1e-6, help="(1e-6)")
    group.add_argument("--max-new-tokens", type=int, metavar="N", help="of a response (default: the task's)")
    group.add_argument("--checkpoint-every", type=int, default=50, metavar="STEPS", help="(50)")


def _settings(arguments: argparse.Namespace) -> RLSettings:
    return RLSettings(
        task=arguments.task,
        languages=tuple(sorted(set(arguments.languages))),
        seed=arguments.seed,
        steps=arguments.steps,
        max_response_tokens=_max_tokens(arguments),
        method=arguments.method,
        kl_weight=arguments.kl_weight,
        max_kl=arguments.max_kl,
        group=arguments.group,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        checkpoint_every=arguments.checkpoint_every,
    )


def _max_tokens(arguments: argparse.Namespace) -> int:
    own: int | None = arguments.max_new_tokens
    return task_named(arguments.task).max_response_tokens if own is None else own


def _distinct(lines: Sequence[Prompt], languages: Iterable[str]) -> list[Prompt]:
    """Each prompt once. Raises AlignmentError for none at all, or one in a language that is not in use."""
    prompts = {prompt.key: prompt for prompt in lines}
    if not prompts:
        raise AlignmentError("There are no prompts in the file.")
    strangers = sorted({prompt.language for prompt in lines} - set(languages))
    if strangers:
        raise AlignmentError(f"There is a prompt in {strangers[0]!r}: name that language in --languages.")
    return list(prompts.values())


def _reward(directory: Path, task: str) -> RewardSource:
    """Raises AlignmentError for a reward model of another task, whose inputs are written otherwise."""
    model = RewardModel.load(directory)
    if model.card.task != task:
        raise AlignmentError(
            f"{directory} was trained for {model.card.task}; name a reward model for {task}."
        )
    facts = {
        "identity": model.card.identity,
        "data_digest": model.card.data_digest,
        "card": file_digest(directory / CARD_NAME),
        "head": file_digest(directory / HEAD_NAME),
    }
    return RewardSource(model.rewards, facts)
