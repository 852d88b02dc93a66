"""The planner: an experiment becomes runs with parents. Pure, so that a plan can be shown before launch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment.digests import text_digest


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What an experiment asks for. Digests name files of the artifact store.

    feedback: source language → digest of its training feedback;
    prompts: target language → digest of its prompts; heldout: digest of the feedback to test on;
    languages: those that a policy's vocabulary is kept for.
    """

    task: str
    policy: str
    backbone: str
    method: str
    n: int
    seed: int
    feedback: Mapping[str, str]
    prompts: Mapping[str, str]
    heldout: str
    languages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """A run to be; parents are planned before it. Its identity tells equal work, whoever asked for it."""

    kind: str
    title: str
    config: Mapping[str, Any]
    parents: tuple["PlannedRun", ...] = ()
    source: str | None = None
    target: str | None = None

    @property
    def identity(self) -> str:
        """SHA-256 of kind, configuration and the parents' identities."""
        parents = [parent.identity for parent in self.parents]
        return text_digest(json.dumps([self.kind, self.config, parents], sort_keys=True, ensure_ascii=False))


def plan_runs(plan: Plan) -> list[PlannedRun]:
    """The runs of an experiment, parents first.

    For S sources and T targets: S reward models with their accuracy, T pools, S·T rewards and selections.
    """
    reward_models = {source: _reward_model(plan, source) for source in plan.feedback}
    accuracies = [_accuracy(plan, reward_model) for reward_model in reward_models.values()]
    pools = {target: _pool(plan, target) for target in plan.prompts}
    scores = [
        _score(reward_model, pool) for reward_model in reward_models.values() for pool in pools.values()
    ]
    selections = [_best_of_n(plan, score) for score in scores]
    return [*reward_models.values(), *pools.values(), *accuracies, *scores, *selections]


def _reward_model(plan: Plan, source: str) -> PlannedRun:
    return PlannedRun(
        kind="reward_model",
        title=f"reward model {source}",
        config={
            "task": plan.task,
            "method": plan.method,
            "backbone": plan.backbone,
            "seed": plan.seed,
            "data": plan.feedback[source],
            "languages": list(plan.languages),
        },
        source=source,
    )


def _pool(plan: Plan, target: str) -> PlannedRun:
    return PlannedRun(
        kind="sample",
        title=f"response pool {target}",
        config={
            "task": plan.task,
            "policy": plan.policy,
            "n": plan.n,
            "seed": plan.seed,
            "prompts": plan.prompts[target],
            "languages": list(plan.languages),
        },
        target=target,
    )


def _accuracy(plan: Plan, reward_model: PlannedRun) -> PlannedRun:
    return PlannedRun(
        kind="accuracy",
        title=f"accuracy of reward model {reward_model.source}",
        config={"task": plan.task, "data": plan.heldout, "seed": plan.seed},
        parents=(reward_model,),
        source=reward_model.source,
    )


def _score(reward_model: PlannedRun, pool: PlannedRun) -> PlannedRun:
    return PlannedRun(
        kind="score",
        title=f"rewards {pool.target} ← {reward_model.source}",
        config={"task": pool.config["task"]},
        parents=(reward_model, pool),
        source=reward_model.source,
        target=pool.target,
    )


def _best_of_n(plan: Plan, score: PlannedRun) -> PlannedRun:
    _, pool = score.parents
    return PlannedRun(
        kind="best_of_n",
        title=f"best-of-{plan.n} {score.target} ← {score.source}",
        config={"task": plan.task, "n": plan.n},
        parents=(pool, score),
        source=score.source,
        target=score.target,
    )
