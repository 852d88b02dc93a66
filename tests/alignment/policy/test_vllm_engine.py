import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean, variance

import pytest
import torch
from transformers import GenerationConfig

from alignment.errors import AlignmentError
from alignment.policy.decoding import Ending
from alignment.policy.engines import EngineChoice, engine_name, open_engine
from alignment.policy.generation import SamplingSettings, sample_pool
from alignment.policy.instructions import policy_input
from alignment.policy.logprobs import response_logprobs
from alignment.policy.vllm_engine import VllmEngine
from alignment.records import Prompt
from alignment.tasks import TASKS
from tests.alignment.conftest import copy_of

STAND_IN = Path(__file__).parent / "vllm_stand_in"
SETTINGS = SamplingSettings(n=3, seed=5, max_response_tokens=8, stop="", languages=("en", "de"))
OPENINGS = ("The morning light", "A", "We lost the match, but nobody on the bus home seemed to mind")


@pytest.fixture
def vllm(monkeypatch):
    """A vLLM that is installed."""
    monkeypatch.syspath_prepend(STAND_IN)
    for name in ("VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_NO_USAGE_STATS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    import vllm

    yield vllm
    del sys.modules["vllm"]


@pytest.fixture
def inputs(tiny):
    prompts = [Prompt(text=text, language="en") for text in OPENINGS]
    return [policy_input(prompt, TASKS["continuation"], tiny.tokenizer) for prompt in prompts]


@pytest.fixture
def pools(vllm, tiny_policy, inputs):
    """Samples, with changes to the settings, from the tiny policy or another one."""

    def sample(directory: Path = tiny_policy, *, done=(), **changes):
        engine = VllmEngine(directory, None, num_devices=1)
        return list(engine.pools(inputs, replace(SETTINGS, **changes), done=done))

    return sample


def responses(pools):
    return [each for pool in pools for each in (pool.unaligned, *pool.candidates)]


def device(monkeypatch, tmp_path):
    """One accelerator, in the words of nvidia-smi."""
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\necho '0, GPU-1, NVIDIA H100, 81559, 0, 0'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_every_prompt_gets_an_unaligned_response_and_n_candidates(pools, inputs):
    sampled = pools()

    assert {pool.prompt for pool in sampled} == {each.prompt for each in inputs}
    assert all(len(pool.candidates) == 3 for pool in sampled)
    assert {each.closest_language for each in responses(sampled)} <= {"en", "de", ""}


def test_logprobs_are_those_of_the_policy_with_the_end_of_the_sequence(
    vllm, pools, tiny, inputs, monkeypatch
):
    kept = []
    generate = vllm.LLM.generate
    monkeypatch.setattr(vllm.LLM, "generate", lambda *a, **b: kept.extend(generate(*a, **b)) or kept)

    sampled = responses(pools(temperature=2.0, max_response_tokens=40))

    written = [output.outputs[0].token_ids for output in kept]
    expected = response_logprobs(tiny.policy, [output.prompt_token_ids for output in kept], written)
    assert [each.logprob for each in sampled] == pytest.approx(expected.tolist(), abs=1e-3)
    assert [each.num_tokens for each in sampled] == [len(ids) for ids in written]
    ended = [ids[-1] == tiny.tokenizer.eos_token_id for ids in written]
    assert [each.finished for each in sampled] == ended
    assert {True, False} == set(ended)


def test_a_response_ends_before_the_stop_text_of_its_task(pools):
    sampled = responses(pools(stop="e", max_response_tokens=24))

    assert any(each.finished for each in sampled)
    assert not any("e" in each.text for each in sampled)


def test_texts_are_cleaned_as_our_own_decoding_cleans_them(vllm, pools, tiny, monkeypatch):
    kept = []
    generate = vllm.LLM.generate
    monkeypatch.setattr(vllm.LLM, "generate", lambda *a, **b: kept.extend(generate(*a, **b)) or kept)

    sampled = responses(pools())

    ending = Ending(tokenizer=tiny.tokenizer, eos=frozenset(), stop="", max_tokens=8)
    assert [each.text for each in sampled] == [ending.text(out.outputs[0].token_ids) for out in kept]


def test_each_response_draws_from_a_seed_of_its_own(pools):
    few, many = (
        {pool.prompt.key: [each.text for each in responses([pool])] for pool in pools(n=n)} for n in (1, 3)
    )

    assert all(many[key][:2] == few[key] for key in few)
    assert len({text for texts in many.values() for text in texts}) > 6
    assert responses(pools()) == responses(pools())
    assert responses(pools()) != responses(pools(seed=6))


def test_what_is_done_is_not_asked_for_again(vllm, pools, inputs):
    everything = pools()
    vllm.served.clear()

    rest = pools(done={inputs[0].prompt.key})

    assert rest == [pool for pool in everything if pool.prompt != inputs[0].prompt]
    assert sum(vllm.served) == 2 * 4


def test_nothing_is_loaded_when_nothing_is_left(vllm, pools, inputs):
    vllm.loaded.clear()

    assert pools(done={each.prompt.key for each in inputs}) == []
    assert vllm.loaded == []


def test_the_policy_is_asked_for_as_it_is(vllm, pools, inputs):
    pools()

    longest = max(len(each.ids) for each in inputs)
    assert vllm.loaded[-1].arguments == {
        "dtype": "auto",
        "tensor_parallel_size": 1,
        "generation_config": "vllm",
        "logprobs_mode": "raw_logprobs",
        "max_model_len": longest + 8,
    }


@pytest.mark.parametrize(("num_devices", "shards"), [(0, 1), (1, 1), (2, 2), (3, 2), (8, 2)])
def test_devices_share_the_attention_heads_evenly(vllm, tiny_policy, inputs, num_devices, shards):
    engine = VllmEngine(tiny_policy, torch.float32, num_devices=num_devices)

    next(engine.pools(inputs, SETTINGS))

    assert vllm.loaded[-1].arguments["tensor_parallel_size"] == shards
    assert vllm.loaded[-1].arguments["dtype"] == "float32"


def test_every_token_that_the_policy_ends_with_ends_a_response(pools, tiny, tiny_policy, tmp_path):
    chat = copy_of(tiny_policy, tmp_path)
    GenerationConfig(eos_token_id=list(range(len(tiny.tokenizer)))).save_pretrained(chat)

    sampled = responses(pools(chat))

    assert all(each.finished and each.num_tokens == 1 for each in sampled)


def test_tokens_that_the_policy_never_writes_are_forbidden(vllm, pools, tiny, tiny_policy, tmp_path):
    shy = copy_of(tiny_policy, tmp_path)
    allowed = tiny.tokenizer("A")["input_ids"][-1]
    never = [token for token in range(len(tiny.tokenizer)) if token != allowed]
    GenerationConfig(eos_token_id=1, suppress_tokens=never).save_pretrained(shy)

    assert {each.text for each in responses(pools(shy))} == {"AAAAAAAA"}


def test_it_does_not_write_what_our_own_decoding_writes_but_as_likely_things(pools, tiny, inputs):
    ours = responses(sample_pool(tiny.policy, tiny.tokenizer, inputs, replace(SETTINGS, n=60)))
    theirs = responses(pools(n=60))

    assert [each.text for each in ours] != [each.text for each in theirs]
    first, second = ([each.logprob for each in group] for group in (ours, theirs))
    error = (variance(first) / len(first) + variance(second) / len(second)) ** 0.5
    assert abs(fmean(first) - fmean(second)) < 4 * error


@pytest.mark.parametrize("temperature", [0.001, 2.5])
def test_a_temperature_that_vllm_would_change_is_refused(pools, temperature):
    with pytest.raises(AlignmentError, match="temperatures from 0.01 to 2"):
        pools(temperature=temperature)


def test_a_policy_that_vllm_cannot_load_is_told_with_its_reason(vllm, pools, monkeypatch):
    def refuse(self, **_):
        raise ValueError("Model architectures ['Tiny'] are not supported for now.\nSupported: …")

    monkeypatch.setattr(vllm.LLM, "__init__", refuse)

    with pytest.raises(AlignmentError, match=r"\['Tiny'\] are not supported for now\); use --engine trans"):
        pools()


def test_a_response_given_up_is_no_response(vllm, pools, monkeypatch):
    complete = vllm.LLM._complete
    monkeypatch.setattr(vllm.LLM, "_complete", lambda *args: replace(complete(*args), finish_reason="abort"))

    with pytest.raises(RuntimeError, match="abort"):
        pools()


def test_vllm_is_chosen_where_it_and_an_accelerator_are_there(vllm, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine_name(EngineChoice.AUTO) == "transformers"

    device(monkeypatch, tmp_path)

    assert engine_name(EngineChoice.AUTO) == "vllm 0.32.0"
    assert engine_name(EngineChoice.TRANSFORMERS) == "transformers"


def test_vllm_that_is_asked_for_is_used_without_an_accelerator_too(vllm, monkeypatch, tmp_path, tiny_policy):
    monkeypatch.setenv("PATH", str(tmp_path))

    name = engine_name(EngineChoice.VLLM)

    assert isinstance(open_engine(name, tiny_policy, None), VllmEngine)


def test_without_vllm_transformers_writes_and_asking_for_vllm_is_refused(monkeypatch, tmp_path):
    device(monkeypatch, tmp_path)

    assert engine_name(EngineChoice.AUTO) == "transformers"
    with pytest.raises(AlignmentError, match="vLLM is not installed here"):
        engine_name(EngineChoice.VLLM)
