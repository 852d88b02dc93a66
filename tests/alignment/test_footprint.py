import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoModel, AutoModelForCausalLM

from alignment.errors import AlignmentError
from alignment.footprint import PACKAGE_PARAMETERS, num_parameters, required_bytes, source_parameters
from alignment.packages.registry import PACKAGES
from alignment.sources import parse_source
from tests.alignment.conftest import copy_of

SMALL = {"batch_size": 1, "num_tokens": 1}


def test_parameters_are_counted_as_torch_counts_them(tiny_policy, tiny_encoder):
    policy = AutoModelForCausalLM.from_pretrained(tiny_policy)
    encoder = AutoModel.from_pretrained(tiny_encoder, add_pooling_layer=False)

    assert num_parameters(tiny_policy) == policy.num_parameters()
    assert num_parameters(tiny_encoder) == encoder.num_parameters()


def test_a_checkpoint_in_several_files_counts_as_a_whole(tiny_policy, tmp_path):
    parts = copy_of(tiny_policy, tmp_path)
    (parts / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(tiny_policy).save_pretrained(parts, max_shard_size="50KB")
    assert len(list(parts.glob("model-*.safetensors"))) > 1

    assert num_parameters(parts) == num_parameters(tiny_policy)


def test_torn_weights_are_refused(tiny_policy, tmp_path):
    torn = copy_of(tiny_policy, tmp_path)
    weights = torn / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])

    with pytest.raises(AlignmentError, match=r"model.safetensors is torn"):
        num_parameters(torn)


def test_a_source_tells_its_size_before_it_is_prepared(tiny_policy):
    assert source_parameters(parse_source(str(tiny_policy))) == num_parameters(tiny_policy)
    assert source_parameters(parse_source("package:gemma3-270m")) == 268_098_176
    assert source_parameters(parse_source("some/policy@1234abc")) is None


def test_every_package_has_its_size():
    assert set(PACKAGE_PARAMETERS) == set(PACKAGES)


def test_full_training_of_seven_billion_parameters_is_estimated_as_published():
    """Weights, gradients and Adam of 7.5 billion parameters: 120 GB (Rajbhandari et al. 2020, figure 1)."""
    needed = required_bytes(7_500_000_000, method="full", dtype="float32", **SMALL)

    assert needed == pytest.approx(120e9, rel=0.01)


def test_frozen_needs_less_than_adapters_and_adapters_less_than_all():
    def needed(method: str) -> int:
        return required_bytes(10**9, method=method, dtype="bfloat16", **SMALL)

    assert needed("frozen") < needed("lora") < needed("full") / 2


def test_width_and_depth_come_out_as_those_of_a_known_checkpoint():
    """A Llama 2 7B (h 4096, L 32) keeps 2·2·h·L bytes of keys and values for each token: half a megabyte."""
    one, two = (
        required_bytes(6_738_415_616, method="frozen", dtype="bfloat16", batch_size=1, num_tokens=tokens)
        for tokens in (1, 2)
    )

    assert two - one == pytest.approx(2 * 4096 * (2 * 32 + 17), rel=0.05)


def test_a_measured_training_took_no_more_than_twice_the_estimate():
    """AdamW on a Gemma 3 of 13.6 million parameters in float32, layers recomputed, one CPU core."""
    gemma = {"method": "full", "dtype": "float32", "num_tokens": 128, "vocabulary": 2000}

    for batch_size, peak in ((1, 280_334_336), (16, 652_636_160)):
        estimate = required_bytes(13_614_080, batch_size=batch_size, **gemma)
        assert estimate < peak < 2 * estimate


def test_tokens_cost_the_same_in_one_row_or_in_many():
    long = required_bytes(10**8, method="lora", dtype="float32", batch_size=1, num_tokens=1024)
    many = required_bytes(10**8, method="lora", dtype="float32", batch_size=16, num_tokens=64)

    assert long == many


def test_a_policy_in_training_keeps_logits_for_every_token():
    batch = {"method": "full", "dtype": "float32", "batch_size": 4, "num_tokens": 100}

    added = required_bytes(10**8, vocabulary=1000, **batch) - required_bytes(10**8, **batch)

    assert added == 400 * 1000 * 12


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"num_tokens": 0}, {"vocabulary": -1}])
def test_an_estimate_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        required_bytes(10, **{"method": "full", "dtype": "float32", **SMALL, **wrong})


def test_an_estimate_needs_no_torch():
    script = "import sys, alignment.footprint; print('torch' in sys.modules)"

    told = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert told.stdout.strip() == "False"
