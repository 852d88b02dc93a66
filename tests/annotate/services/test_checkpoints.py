"""What can be told of a model before anybody loads it."""

import json

import pytest

from annotate.needs import ModelSize
from annotate.services.checkpoints import backbone_size, num_bytes, policy_size, problem_of


def checkpoint(directory, *, dtype: str, width: int):
    """Four numbers in a file of safetensors."""
    directory.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, 4 * width]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + b"\0" * 4 * width
    (directory / "model.safetensors").write_bytes(weights)
    for name in ("config.json", "tokenizer.json"):
        (directory / name).write_text("{}")
    return directory


def test_a_directory_is_measured(tmp_path):
    directory = checkpoint(tmp_path / "policy", dtype="F32", width=4)

    assert policy_size(str(directory)).num_parameters == 4
    assert num_bytes(str(directory)) == sum(path.stat().st_size for path in directory.iterdir())
    assert problem_of(str(directory)) == ""


def test_a_package_is_known_by_its_parameters_before_it_is_converted():
    assert policy_size("package:gemma3-270m") == ModelSize(268_098_176, "bfloat16")
    assert num_bytes("package:gemma3-270m") == 0


def test_a_backbone_is_computed_with_in_float32():
    assert backbone_size("package:multilingual-e5-small") == ModelSize(117_653_760, "float32")


def test_a_name_on_the_hub_is_measured_once_it_was_fetched(tmp_path, settings):
    settings.MODELS = tmp_path
    source = "organisation/policy@v1"
    assert policy_size(source).num_parameters == num_bytes(source) == 0

    checkpoint(tmp_path / "organisation--policy@v1", dtype="BF16", width=2)

    assert policy_size(source).num_parameters == 4
    assert problem_of(source) == ""


@pytest.mark.parametrize("source", ["nonsense", "package:gemma4", "organisation/policy"])
def test_what_is_no_source_has_no_size_and_a_reason(source):
    assert (policy_size(source), num_bytes(source)) == (ModelSize(), 0)
    assert problem_of(source)


def test_a_torn_checkpoint_has_no_size(tmp_path):
    directory = checkpoint(tmp_path / "policy", dtype="F32", width=4)
    (directory / "model.safetensors").write_bytes(b"\x10")

    assert policy_size(str(directory)) == ModelSize()
