import json
from pathlib import Path

import pytest
import torch

from alignment.policy.checkpoints import Policy, load_policy
from alignment.policy.padding import PAD, num_rows
from tests.alignment.conftest import SENTENCES, copy_of


def without_pad_token(checkpoint: Path, pad_token: str | None) -> Path:
    """Change which token pads; None for no token at all."""
    config = json.loads((checkpoint / "tokenizer_config.json").read_text())
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": pad_token}))
    return checkpoint


@pytest.fixture(params=[None, "<eos>", "<bos>"])
def padded(request: pytest.FixtureRequest, tiny_policy: Path, tmp_path: Path) -> Policy:
    return load_policy(without_pad_token(copy_of(tiny_policy, tmp_path), request.param))


def test_a_pad_token_of_its_own_is_left_alone(tiny_policy: Path):
    policy, tokenizer = load_policy(tiny_policy)

    assert tokenizer.pad_token == "<pad>"  # noqa: S105
    assert num_rows(policy) == len(tokenizer)


def test_padding_is_never_another_token(padded: Policy):
    policy, tokenizer = padded

    assert tokenizer.pad_token == PAD
    assert tokenizer.pad_token_id not in {tokenizer.eos_token_id, tokenizer.bos_token_id}
    assert policy.config.pad_token_id == policy.generation_config.pad_token_id == tokenizer.pad_token_id
    assert num_rows(policy) == len(tokenizer)


def test_a_new_pad_token_hardly_changes_what_a_policy_writes(padded: Policy, tiny_policy: Path):
    inputs = padded.tokenizer(SENTENCES[0], return_tensors="pt")
    with torch.no_grad():
        before = load_policy(tiny_policy).model(**inputs).logits
        after = padded.model(**inputs).logits

    assert torch.equal(after[..., :-1], before)
    assert (after.softmax(dim=-1)[..., -1] <= 1 / before.shape[-1]).all()


def test_a_new_pad_token_is_never_written(padded: Policy):
    policy, tokenizer = padded
    with torch.no_grad():
        policy.get_input_embeddings().weight[tokenizer.pad_token_id] *= 1000

    inputs = tokenizer(list(SENTENCES[:4]), return_tensors="pt", padding=True)
    torch.manual_seed(0)
    written = policy.generate(**inputs, max_new_tokens=8, do_sample=True)[:, inputs["input_ids"].shape[1] :]
    ends = (written == tokenizer.eos_token_id).cumsum(dim=1)

    assert not (written[ends == 0] == tokenizer.pad_token_id).any()


def test_padding_does_not_change_the_logits(padded: Policy):
    policy, tokenizer = padded
    batch = tokenizer([SENTENCES[0], SENTENCES[2] + SENTENCES[3]], return_tensors="pt", padding=True)
    with torch.no_grad():
        alone = policy(**tokenizer(SENTENCES[0], return_tensors="pt")).logits[0, -1]
        together = policy(**batch).logits[0, -1]

    assert torch.allclose(alone, together, atol=1e-4)
