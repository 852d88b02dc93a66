from dataclasses import replace

import pytest
from transformers import GenerationConfig

from alignment.errors import AlignmentError
from alignment.policy.generation import SamplingSettings, plan_batches, sample_pool
from alignment.policy.instructions import policy_input
from alignment.records import Prompt
from alignment.tasks import TASKS
from tests.alignment.little_memory import little_memory

SETTINGS = SamplingSettings(n=4, seed=5, max_response_tokens=8, stop="\n", languages=("en", "de"))
OPENINGS = (
    "The morning light",
    "A",
    "We lost the match, but nobody on the bus home seemed to mind",
    "Meine Großmutter öffnete die Tür",
)


@pytest.fixture
def inputs(tiny):
    prompts = [Prompt(text=text, language="en") for text in OPENINGS]
    return [policy_input(prompt, TASKS["continuation"], tiny.tokenizer) for prompt in prompts]


def pools(tiny, inputs, settings=SETTINGS, **options):
    sampled = sample_pool(tiny.policy, tiny.tokenizer, inputs, settings, **options)
    return {pool.prompt.key: pool for pool in sampled}


def texts(pool):
    return [response.text for response in (pool.unaligned, *pool.candidates)]


def test_every_prompt_gets_an_unaligned_response_and_n_candidates(tiny, inputs):
    sampled = pools(tiny, inputs)

    assert {pool.prompt.text for pool in sampled.values()} == set(OPENINGS)
    assert all(len(pool.candidates) == 4 for pool in sampled.values())


@pytest.mark.parametrize("rows_per_batch", [1, 4, 7, 32])
def test_responses_do_not_depend_on_the_batch(tiny, inputs, rows_per_batch):
    expected = pools(tiny, inputs)

    sampled = pools(tiny, inputs, replace(SETTINGS, rows_per_batch=rows_per_batch))

    assert {key: texts(pool) for key, pool in sampled.items()} == {
        key: texts(pool) for key, pool in expected.items()
    }
    for key, pool in sampled.items():
        logprobs = [response.logprob for response in pool.candidates]
        assert logprobs == pytest.approx([each.logprob for each in expected[key].candidates], abs=1e-4)


def test_responses_do_not_depend_on_the_other_prompts(tiny, inputs):
    (alone,) = pools(tiny, inputs[1:2]).values()

    assert texts(alone) == texts(pools(tiny, inputs)[alone.prompt.key])


def test_more_candidates_leave_the_first_ones_as_they_were(tiny, inputs):
    few, many = pools(tiny, inputs, replace(SETTINGS, n=2)), pools(tiny, inputs)

    assert all(texts(few[key]) == texts(many[key])[:3] for key in many)


def test_each_prompt_draws_from_streams_of_its_own(tiny):
    twins = [Prompt(text="The morning light", language=tag) for tag in ("en", "de")]
    inputs = [policy_input(prompt, TASKS["continuation"], tiny.tokenizer) for prompt in twins]

    first, second = pools(tiny, inputs).values()

    assert texts(first) != texts(second)


def test_another_seed_draws_other_responses(tiny, inputs):
    other = pools(tiny, inputs, replace(SETTINGS, seed=6))

    assert not any(texts(pool) == texts(other[key]) for key, pool in pools(tiny, inputs).items())


@pytest.mark.parametrize("rows_per_batch", [3, 64])
def test_what_is_done_is_left_out_and_the_rest_is_the_same(tiny, inputs, rows_per_batch):
    settings = replace(SETTINGS, rows_per_batch=rows_per_batch)
    expected = pools(tiny, inputs, settings)
    done = {inputs[2].prompt.key, inputs[0].prompt.key}

    rest = pools(tiny, inputs, settings, done=done)

    assert rest == {key: pool for key, pool in expected.items() if key not in done}


def test_prompts_of_like_length_share_a_batch(inputs):
    batches = list(plan_batches(inputs, replace(SETTINGS, rows_per_batch=10)))

    assert [len(batch) for batch in batches] == [10, 10]
    shortest_before = min(len(row.input.ids) for row in batches[0])
    assert shortest_before >= max(len(row.input.ids) for row in batches[1])


def test_every_token_that_the_policy_ends_with_ends_a_response(tiny, inputs, monkeypatch):
    everything = list(range(len(tiny.tokenizer)))
    monkeypatch.setattr(tiny.policy, "generation_config", GenerationConfig(eos_token_id=everything))

    (pool,) = pools(tiny, inputs[:1]).values()

    assert all(response.finished and response.num_tokens == 1 for response in pool.candidates)


def test_the_language_of_every_response_is_noted(tiny, inputs):
    responses = [each for pool in pools(tiny, inputs).values() for each in pool.candidates]

    assert {each.closest_language for each in responses} <= {"en", "de", ""}
    assert any(each.detected_language for each in responses)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"rows_per_batch": 0}, {"temperature": 0.0}])
def test_settings_that_draw_nothing_are_refused(wrong):
    with pytest.raises(AlignmentError, match="at least 1|above 0"):
        replace(SETTINGS, **wrong)


def test_a_batch_that_does_not_fit_is_written_in_halves_and_the_responses_are_the_same(tiny, inputs):
    expected = pools(tiny, inputs)
    notes: list[str] = []

    with little_memory(10, while_training=False) as failed:
        sampled = pools(tiny, inputs, replace(SETTINGS, rows_per_batch=20), say=notes.append)

    assert failed == [20]
    assert {key: texts(pool) for key, pool in sampled.items()} == {
        key: texts(pool) for key, pool in expected.items()
    }
    (note,) = notes
    assert "20 responses at once" in note


def test_halves_that_do_not_fit_either_end_the_sampling_with_advice(tiny, inputs):
    with (
        little_memory(0, while_training=False),
        pytest.raises(AlignmentError, match="give a smaller --rows-per-batch"),
    ):
        pools(tiny, inputs)
