"""The planner: an experiment becomes runs with parents. Pure, so that a plan can be shown before launch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from alignment.digests import text_digest
from alignment.sources import is_trimmed
from annotate.needs import FROZEN, UNKNOWN_SIZE, ModelSize, memory_needed, queue_of


class Data(NamedTuple):
    """A file of the artifact store: its SHA-256 and how many records it holds."""

    digest: str
    num_records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What an experiment asks for.

    feedback: by source language, to train on; prompts: by target language; demonstrations: by target
    language, empty where the base policy is used as it is; heldout: feedback to test on;
    languages: those that a policy's vocabulary is kept for.
    """

    task: str
    policy: str
    backbone: str
    method: str
    n: int
    seed: int
    feedback: Mapping[str, Data]
    prompts: Mapping[str, Data]
    heldout: Data
    languages: tuple[str, ...]
    demonstrations: Mapping[str, Data] = field(default_factory=dict)
    policy_size: ModelSize = UNKNOWN_SIZE
    backbone_size: ModelSize = UNKNOWN_SIZE

    @property
    def sft_method(self) -> str:
        """As the reward models; a policy of which nothing is trained would imitate nobody."""
        return "lora" if self.method == FROZEN else self.method


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run to be; parents are planned before it. Its identity tells equal work, whoever asked for it.

    model: the source of the policy or backbone that does the work, "" where none does;
    num_units: examples, responses or prompts that it works on;
    memory_needed: bytes on the worker's device, 0 where nobody knows.
    """

    kind: str
    title: str
    config: Mapping[str, Any]
    num_units: int
    queue: str
    memory_needed: int = 0
    model: str = ""
    parents: tuple["PlannedRun", ...] = ()
    source: str | None = None
    target: str | None = None

    @cached_property
    def identity(self) -> str:
        """SHA-256 of kind, configuration and the parents' identities; not of what it needs."""
        parents = [parent.identity for parent in self.parents]
        return text_digest(json.dumps([self.kind, self.config, parents], sort_keys=True, ensure_ascii=False))


def plan_runs(plan: Plan) -> list[PlannedRun]:
    """The runs of an experiment, parents first.

    For S sources and T targets: S reward models with their accuracy, T SFT policies where there are
    demonstrations, T pools, S·T rewards and selections.
    """
    reward_models = [_reward_model(plan, source) for source in plan.feedback]
    policies = {target: _sft(plan, target) for target in plan.prompts} if plan.demonstrations else {}
    pools = [_pool(plan, target, policies.get(target)) for target in plan.prompts]
    accuracies = [_accuracy(plan, reward_model) for reward_model in reward_models]
    scores = [_score(plan, reward_model, pool) for reward_model in reward_models for pool in pools]
    selections = [_best_of_n(plan, score) for score in scores]
    return [*reward_models, *policies.values(), *pools, *accuracies, *scores, *selections]


def _reward_model(plan: Plan, source: str) -> PlannedRun:
    kind, data = "reward_model", plan.feedback[source]
    return PlannedRun(
        kind=kind,
        title=f"reward model {source}",
        config={
            "task": plan.task,
            "method": plan.method,
            "backbone": plan.backbone,
            "seed": plan.seed,
            "data": data.digest,
            "languages": list(plan.languages) if is_trimmed(plan.backbone) else [],
        },
        num_units=data.num_records,
        queue=queue_of(kind, plan.method),
        memory_needed=memory_needed(kind, plan.backbone_size, task=plan.task, method=plan.method),
        model=plan.backbone,
        source=source,
    )


def _sft(plan: Plan, target: str) -> PlannedRun:
    kind, data, method = "sft", plan.demonstrations[target], plan.sft_method
    return PlannedRun(
        kind=kind,
        title=f"SFT policy {target}",
        config={
            "policy": plan.policy,
            "task": plan.task,
            "method": method,
            "seed": plan.seed,
            "data": data.digest,
            "languages": list(plan.languages),
        },
        num_units=data.num_records,
        queue=queue_of(kind, method),
        memory_needed=memory_needed(kind, plan.policy_size, task=plan.task, method=method),
        model=plan.policy,
        target=target,
    )


def _pool(plan: Plan, target: str, sft: PlannedRun | None) -> PlannedRun:
    """Of the target's SFT policy; of the base policy where there is none."""
    kind, prompts = "sample", plan.prompts[target]
    return PlannedRun(
        kind=kind,
        title=f"response pool {target}",
        config={
            "task": plan.task,
            **({} if sft else {"policy": plan.policy}),
            "n": plan.n,
            "seed": plan.seed,
            "prompts": prompts.digest,
            "languages": list(plan.languages),
        },
        num_units=prompts.num_records * (plan.n + 1),  # the unaligned response, too
        queue=queue_of(kind),
        memory_needed=memory_needed(kind, plan.policy_size, task=plan.task),
        model=plan.policy,
        parents=(sft,) if sft else (),
        target=target,
    )


def _accuracy(plan: Plan, reward_model: PlannedRun) -> PlannedRun:
    kind = "accuracy"
    return PlannedRun(
        kind=kind,
        title=f"accuracy of reward model {reward_model.source}",
        config={"task": plan.task, "data": plan.heldout.digest, "seed": plan.seed},
        num_units=plan.heldout.num_records,
        queue=queue_of(kind),
        memory_needed=memory_needed(kind, plan.backbone_size, task=plan.task),
        model=plan.backbone,
        parents=(reward_model,),
        source=reward_model.source,
    )


def _score(plan: Plan, reward_model: PlannedRun, pool: PlannedRun) -> PlannedRun:
    kind = "score"
    return PlannedRun(
        kind=kind,
        title=f"rewards {pool.target} ← {reward_model.source}",
        config={"task": plan.task},
        num_units=pool.num_units,
        queue=queue_of(kind),
        memory_needed=memory_needed(kind, plan.backbone_size, task=plan.task),
        model=plan.backbone,
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
        num_units=plan.prompts[str(score.target)].num_records,
        queue=queue_of("best_of_n"),
        parents=(pool, score),
        source=score.source,
        target=score.target,
    )
