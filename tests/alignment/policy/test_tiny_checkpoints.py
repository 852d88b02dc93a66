from pathlib import Path

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer


def test_the_tiny_policy_writes_any_script(tiny_policy: Path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    text = "Güzel — شاي — снег — 漢字 🙂"

    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_tiny_policy_generates(tiny_policy: Path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    policy = AutoModelForCausalLM.from_pretrained(tiny_policy)

    batch = tokenizer(["Hello", "Der Zug kam zu spät"], return_tensors="pt", padding=True)
    out = policy.generate(**batch, max_new_tokens=5, min_new_tokens=5, do_sample=True)

    assert out.shape == (2, batch["input_ids"].shape[1] + 5)


def test_the_tiny_encoder_ignores_padding(tiny_encoder: Path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    encoder = AutoModel.from_pretrained(tiny_encoder).eval()

    alone = encoder(**tokenizer("Hello", return_tensors="pt")).last_hidden_state[0]
    batch = tokenizer(["Hello", "Der Zug kam zu spät"], return_tensors="pt", padding=True)
    padded = encoder(**batch).last_hidden_state[0, : len(alone)]

    assert torch.allclose(alone, padded, atol=1e-5)
