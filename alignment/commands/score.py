"""`score`: give a reward to every response of a pool."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from alignment.digests import file_digest
from alignment.errors import AlignmentError
from alignment.journal import Journal
from alignment.jsonl import read_records
from alignment.progress import Progress, Step
from alignment.records import PromptPool, PromptRewards
from alignment.reward.card import CARD_NAME
from alignment.reward.model import HEAD_NAME, RewardModel
from alignment.reward.scoring import pool_responses, score_pool


def add_parser(subparsers: Any) -> None:
    """Offer the subcommand."""
    parser = subparsers.add_parser("score", help="give a reward to every response of a pool")
    parser.add_argument("--pool", type=Path, required=True, metavar="FILE", help="what `sample` wrote")
    parser.add_argument("--reward-model", type=Path, required=True, metavar="DIR", help="of `train-reward`")
    parser.add_argument("--models", type=Path, default=Path("var/models"), help="keeps backbone features")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="rewards, JSON Lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Score every prompt's pool; started again after a kill, go on with the prompts that are left."""
    pools = _read_pools(arguments.pool)
    model = RewardModel.load(arguments.reward_model)
    made_from = (arguments.pool, arguments.reward_model / CARD_NAME, arguments.reward_model / HEAD_NAME)
    journal = Journal(arguments.output, *map(file_digest, made_from), parse=PromptRewards.from_json)
    done = {rewards.prompt_key for rewards in journal.records}
    left = [pool for key, pool in pools.items() if key not in done]

    def say(note: str) -> None:
        progress(Step(done=len(journal.records), total=len(pools), unit="prompts", note=note))

    for rewards in score_pool(model, left, cache=model.feature_cache(arguments.models / "features"), say=say):
        journal.append(rewards)
        progress(Step(done=len(journal.records), total=len(pools), unit="prompts"))
    by_key = {rewards.prompt_key: rewards for rewards in journal.records}
    journal.publish(by_key[key] for key in pools)
    return _summary(model, list(pools.values()), list(by_key.values()))


def _read_pools(path: Path) -> dict[str, PromptPool]:
    """By prompt key, in order."""
    lines = read_records(path, PromptPool.from_json)
    pools = {pool.prompt.key: pool for pool in lines}
    if not pools:
        raise AlignmentError("The pool is empty; sample at least one prompt.")
    if len(pools) < len(lines):
        raise AlignmentError(f"{path} has two pools of one prompt; give each prompt once.")
    return pools


def _summary(
    model: RewardModel, pools: Sequence[PromptPool], rewards: Sequence[PromptRewards]
) -> dict[str, Any]:
    responses = [one for pool in pools for one in pool_responses(pool)]
    tokens = model.extractor.formatter.tokens([model.input(*one) for one in responses])
    cut = [prompt.language for (prompt, _), one in zip(responses, tokens, strict=True) if one.truncated]
    return {
        "prompts": len(pools),
        "responses": len(responses),
        "truncated": Counter(cut),
        "mean_candidate_reward": fmean(reward for one in rewards for reward in one.candidates),
        "mean_unaligned_reward": fmean(one.unaligned for one in rewards),
    }
