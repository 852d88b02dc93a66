from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.needs import ModelSize
from annotate.planning import Data, Plan, PlannedRun, plan_runs

TAGS = ("ar", "de", "en", "es", "ru", "tr", "vi")


def data(letter: str, num_records: int = 10) -> Data:
    return Data(letter * 64, num_records)


PLAN = Plan(
    task="continuation",
    policy="package:gemma3-270m",
    backbone="package:multilingual-e5-small",
    method="frozen",
    n=16,
    seed=1,
    feedback={"en": data("a"), "de": data("b")},
    prompts={"es": data("c", 24), "tr": data("d", 24), "vi": data("e", 5)},
    heldout=data("f", 7),
    languages=("de", "en", "es", "tr", "vi"),
)
TUNED = replace(PLAN, demonstrations={"es": data("1", 300), "tr": data("2"), "vi": data("3")})


def identities(plan: Plan) -> set[str]:
    return {run.identity for run in plan_runs(plan)}


def found(plan: Plan, title: str) -> PlannedRun:
    return next(run for run in plan_runs(plan) if run.title == title)


def test_sources_and_targets_multiply_only_where_both_matter():
    kinds = Counter(run.kind for run in plan_runs(PLAN))

    assert kinds == {"reward_model": 2, "accuracy": 2, "sample": 3, "score": 6, "best_of_n": 6}


@settings(deadline=None)
@given(
    sources=st.sets(st.sampled_from(TAGS), min_size=1),
    targets=st.sets(st.sampled_from(TAGS), min_size=1),
    tuned=st.booleans(),
)
def test_no_number_of_sources_makes_more_pools_than_targets(sources, targets, tuned):
    plan = replace(
        PLAN,
        feedback={tag: Data(f"feedback {tag}", 1) for tag in sources},
        prompts={tag: Data(f"prompts {tag}", 1) for tag in targets},
        demonstrations={tag: Data(f"demonstrations {tag}", 1) for tag in targets} if tuned else {},
    )
    num_sources, num_targets = len(sources), len(targets)

    kinds = Counter(run.kind for run in plan_runs(plan))

    assert kinds == Counter(
        reward_model=num_sources,
        accuracy=num_sources,
        sft=num_targets if tuned else 0,
        sample=num_targets,
        score=num_sources * num_targets,
        best_of_n=num_sources * num_targets,
    )
    assert len(identities(plan)) == kinds.total()


def test_parents_are_planned_before_their_children():
    planned: set[str] = set()
    for run in plan_runs(TUNED):
        assert {parent.identity for parent in run.parents} <= planned
        planned.add(run.identity)


def test_the_same_plan_gives_the_same_identities():
    assert identities(PLAN) == identities(replace(PLAN))


def test_another_source_shares_every_pool():
    wider = replace(PLAN, feedback={**PLAN.feedback, "ru": data("9")})

    assert identities(PLAN) < identities(wider)
    assert sum(run.kind == "sample" for run in plan_runs(wider)) == 3


def test_other_feedback_changes_the_reward_model_and_all_that_stands_on_it():
    other = replace(PLAN, feedback={**PLAN.feedback, "de": data("0")})

    kept = {run.title for run in plan_runs(PLAN) if run.identity in identities(other)}

    assert "reward model en" in kept
    assert "best-of-16 es ← en" in kept
    assert not any(title.endswith(" de") for title in kept)


def test_more_languages_change_a_reward_model_only_where_its_vocabulary_is_cut_to_them():
    more = {"languages": (*PLAN.languages, "ar")}
    cut = replace(PLAN, backbone="package:gemma3-270m")

    assert found(PLAN, "reward model en").identity == found(replace(PLAN, **more), "reward model en").identity
    assert found(cut, "reward model en").identity != found(replace(cut, **more), "reward model en").identity


def test_another_seed_changes_everything():
    assert not identities(TUNED) & identities(replace(TUNED, seed=2))


def test_demonstrations_put_an_sft_policy_before_each_pool():
    pool = found(TUNED, "response pool es")
    (policy,) = pool.parents

    assert (policy.kind, policy.target, policy.config["data"]) == ("sft", "es", "1" * 64)
    assert policy.config["policy"] == "package:gemma3-270m"
    assert "policy" not in pool.config


def test_other_demonstrations_change_one_target_and_no_reward_model():
    other = replace(TUNED, demonstrations={**TUNED.demonstrations, "es": data("0")})

    changed = {run.title for run in plan_runs(TUNED) if run.identity not in identities(other)}

    assert {"SFT policy es", "response pool es", "best-of-16 es ← de"} <= changed
    assert all(" es" in title for title in changed)


def test_a_policy_is_fine_tuned_as_the_reward_models_are_but_never_frozen():
    methods = {
        method: found(replace(TUNED, method=method), "SFT policy es").config["method"]
        for method in ("frozen", "lora", "full")
    }

    assert methods == {"frozen": "lora", "lora": "lora", "full": "full"}


def test_each_run_tells_how_much_it_works_on():
    units = {run.title: run.num_units for run in plan_runs(TUNED)}

    assert units["reward model en"] == 10
    assert units["SFT policy es"] == 300
    assert units["response pool es"] == 24 * 17
    assert units["rewards vi ← en"] == 5 * 17
    assert units["best-of-16 vi ← en"] == 5
    assert units["accuracy of reward model en"] == 7


def test_the_cpu_is_enough_to_choose_and_to_read_with_a_frozen_backbone():
    frozen = {run.kind: run.queue for run in plan_runs(TUNED)}
    trained = {run.kind: run.queue for run in plan_runs(replace(TUNED, method="lora"))}

    assert {kind for kind, queue in frozen.items() if queue == "cpu"} == {
        "reward_model",
        "accuracy",
        "best_of_n",
    }
    assert {kind for kind, queue in trained.items() if queue == "cpu"} == {"accuracy", "best_of_n"}


def test_memory_is_stated_where_the_size_of_the_model_is_known():
    sized = replace(TUNED, policy_size=ModelSize(10**9, "bfloat16"))

    needs = {run.kind: run.memory_needed for run in plan_runs(sized)}

    assert min(needs["sft"], needs["sample"]) > 2 * 10**9
    assert (needs["score"], needs["reward_model"], needs["best_of_n"]) == (0, 0, 0)


def test_full_fine_tuning_needs_more_than_adapters_and_those_more_than_reading():
    size = ModelSize(10**9, "float32")

    needs = [
        found(replace(PLAN, method=method, backbone_size=size), "reward model en").memory_needed
        for method in ("frozen", "lora", "full")
    ]

    assert needs == sorted(set(needs))


def test_what_a_run_needs_does_not_change_what_it_is():
    assert identities(PLAN) == identities(replace(PLAN, policy_size=ModelSize(10**9, "float32")))
