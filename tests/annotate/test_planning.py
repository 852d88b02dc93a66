from collections import Counter
from dataclasses import replace

from annotate.planning import Plan, plan_runs

PLAN = Plan(
    task="continuation",
    policy="package:gemma3-270m",
    backbone="package:multilingual-e5-small",
    method="frozen",
    n=16,
    seed=1,
    feedback={"en": "a" * 64, "de": "b" * 64},
    prompts={"es": "c" * 64, "tr": "d" * 64, "vi": "e" * 64},
    heldout="f" * 64,
    languages=("de", "en", "es", "tr", "vi"),
)


def identities(plan: Plan) -> set[str]:
    return {run.identity for run in plan_runs(plan)}


def test_sources_and_targets_multiply_only_where_both_matter():
    kinds = Counter(run.kind for run in plan_runs(PLAN))

    assert kinds == {"reward_model": 2, "accuracy": 2, "sample": 3, "score": 6, "best_of_n": 6}


def test_parents_are_planned_before_their_children():
    planned: set[str] = set()
    for run in plan_runs(PLAN):
        assert {parent.identity for parent in run.parents} <= planned
        planned.add(run.identity)


def test_the_same_plan_gives_the_same_identities():
    assert identities(PLAN) == identities(replace(PLAN))


def test_another_source_shares_every_pool():
    wider = replace(PLAN, feedback={**PLAN.feedback, "ru": "9" * 64})

    assert identities(PLAN) < identities(wider)
    assert sum(run.kind == "sample" for run in plan_runs(wider)) == 3


def test_other_feedback_changes_the_reward_model_and_all_that_stands_on_it():
    other = replace(PLAN, feedback={**PLAN.feedback, "de": "0" * 64})

    kept = {run.title for run in plan_runs(PLAN) if run.identity in identities(other)}

    assert "reward model en" in kept
    assert "best-of-16 es ← en" in kept
    assert not any(title.endswith(" de") for title in kept)


def test_another_seed_changes_everything():
    assert not identities(PLAN) & identities(replace(PLAN, seed=2))
