from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModel, Gemma3TextConfig, GPT2Config, MambaConfig, MistralConfig, Qwen3Config

from alignment.errors import AlignmentError
from alignment.policy.checkpoints import load_backbone
from alignment.progress import Step
from alignment.records import Prompt
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.formatting import Layout, Tokens
from alignment.reward.model import load_extractor
from alignment.reward.sharing import CUT_STEP, WORTH_SHARING, ReadPrompt, Text, can_share, share
from tests.alignment.little_memory import little_memory

ARTICLE = "Nobody on the bus home seemed to mind that the morning light came in very late. " * 6
OTHER = "In the kitchen somebody was already singing about the grey river and the cruel street. " * 6
ENDINGS = (
    "",
    "the dog",
    "singing",
    "the bus came",
    "nobody minded " * 4,
    "the dog came home " * 7,
    "singing",
)
SIZES = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "initializer_range": 0.3}
WINDOW = {"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}


@pytest.fixture
def sharer(tiny_policy):
    """A Gemma 3 whose first layer sees 16 tokens."""
    return load_extractor(tiny_policy, Layout(delimiter="\n\n", cuts_end=True, max_tokens=400))


def inputs(extractor, text: str = ARTICLE):
    return [extractor.formatter.input(Prompt(text=text, language="en"), ending) for ending in ENDINGS]


def tokens_computed(extractor, texts, **options) -> int:
    computed: list[int] = []
    hook = extractor.backbone.get_input_embeddings().register_forward_pre_hook(
        lambda _, given: computed.append(given[0].numel())
    )
    extractor.features(texts, **options)
    hook.remove()
    return sum(computed)


def tiny(config):
    torch.manual_seed(0)
    return AutoModel.from_config(config).eval()


def test_sharing_a_prompt_changes_features_by_rounding_only(sharer):
    texts = inputs(sharer) + inputs(sharer, OTHER)

    shared = sharer.features(texts, share_prompts=True)

    assert np.allclose(shared, sharer.features(texts), rtol=0, atol=1e-5)
    assert tokens_computed(sharer, texts, share_prompts=True) < tokens_computed(sharer, texts) / 2


def test_an_encoder_reads_each_text_whole(tiny_encoder):
    encoder = load_extractor(tiny_encoder, Layout(delimiter="\n\n", cuts_end=True, max_tokens=400))

    shared = encoder.features(inputs(encoder), share_prompts=True)

    assert np.array_equal(shared, encoder.features(inputs(encoder)))


def test_with_a_shared_prompt_a_text_has_the_same_features_to_the_last_bit_in_whatever_company(sharer):
    texts = inputs(sharer) + inputs(sharer, OTHER)

    together = sharer.features(texts, share_prompts=True)

    alone = [sharer.features([one], share_prompts=True)[0] for one in texts]
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("max_tokens", [170, 130, 90])
def test_prompts_cut_to_fit_are_shared_as_far_as_they_are_equal(sharer, max_tokens):
    formatter = replace(sharer.formatter, layout=replace(sharer.formatter.layout, max_tokens=max_tokens))
    short = replace(sharer, formatter=formatter)

    shared = short.features(inputs(short), share_prompts=True)

    assert all(one.truncated for one in formatter.tokens(inputs(short)))
    assert tokens_computed(short, inputs(short), share_prompts=True) < tokens_computed(short, inputs(short))
    assert np.allclose(shared, short.features(inputs(short)), rtol=0, atol=1e-5)


def test_a_prompt_that_lost_its_beginning_is_not_shared(sharer):
    layout = replace(sharer.formatter.layout, max_tokens=100, cuts_end=False)
    short = replace(sharer, formatter=replace(sharer.formatter, layout=layout))

    shared = short.features(inputs(short), share_prompts=True)

    assert np.array_equal(shared, short.features(inputs(short)))


def test_what_is_computed_are_the_tokens_of_training():
    ids, prompt = tuple(range(100)), (*range(80), 7, 8)

    text = share(Tokens(ids, 100), prompt)

    assert text.num_shared == 80
    assert (*text.prompt[:80], *text.rest) == ids


def test_a_text_that_is_all_prompt_keeps_its_last_token_to_itself():
    ids = tuple(range(90))

    assert share(Tokens(ids, 90), ids).rest == (89,)


def test_a_short_prompt_is_not_shared():
    ids = tuple(range(90))

    assert share(Tokens(ids, 90), ids[: WORTH_SHARING - 1]) == Text(ids)


def test_cut_prompts_share_a_round_number_of_tokens_so_that_they_form_groups():
    prompt = tuple(range(200))
    cut = [Tokens((*range(kept), 999, 998), 250) for kept in (CUT_STEP * 3, CUT_STEP * 4 - 1)]

    assert {share(one, prompt).num_shared for one in cut} == {CUT_STEP * 3}


@pytest.mark.parametrize(
    "config",
    [
        Qwen3Config(**SIZES, **HEADS),
        Gemma3TextConfig(**SIZES, **HEADS, **WINDOW),
        MistralConfig(**SIZES, **HEADS, sliding_window=16),
        GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2, initializer_range=0.3),
    ],
    ids=lambda config: config.model_type,
)
@pytest.mark.parametrize("num_shared", [12, 16, 60])  # within the window, at its edge, beyond it
def test_the_rest_after_a_read_prompt_is_what_it_is_in_the_whole_text(config, num_shared):
    backbone = tiny(config)
    prompt, rest = torch.randint(300, (70,)).tolist(), torch.randint(300, (3, 9))
    mask = torch.ones_like(rest)
    mask[1, 5:] = 0
    beginnings = torch.tensor(prompt[:num_shared]).expand(3, num_shared)
    with torch.inference_mode():
        whole = backbone(torch.cat([beginnings, rest], dim=1)).last_hidden_state[:, num_shared:]
        read = ReadPrompt.by(backbone, prompt)

        # Twice: the first use leaves the prompt as it was.
        for _ in range(2):
            after = backbone(input_ids=rest, **read.before(mask, num_shared)).last_hidden_state

    assert can_share(backbone)
    assert torch.allclose(after[mask.bool()], whole[mask.bool()], atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        Gemma3TextConfig(**SIZES, **HEADS, **WINDOW, use_bidirectional_attention=True),
        MambaConfig(vocab_size=300, hidden_size=32, num_hidden_layers=2),
    ],
    ids=["both-directions", "no-attention"],
)
def test_a_backbone_of_another_kind_does_not_share(config):
    assert not can_share(tiny(config))


def test_features_with_and_without_sharing_are_cached_apart(sharer, tmp_path):
    cache = FeatureCache(tmp_path, "digest", sharer.num_features)
    plain = sharer.features(inputs(sharer), cache=cache)

    shared = sharer.features(inputs(sharer), cache=cache, share_prompts=True)

    assert np.array_equal(shared, sharer.features(inputs(sharer), share_prompts=True))
    assert np.array_equal(shared, sharer.features(inputs(sharer), cache=cache, share_prompts=True))
    assert np.array_equal(plain, sharer.features(inputs(sharer), cache=cache))


def test_a_group_that_does_not_fit_is_computed_in_halves(tiny_policy, sharer):
    expected = sharer.features(inputs(sharer), share_prompts=True)
    fresh = load_extractor(tiny_policy, sharer.formatter.layout)
    steps: list[Step] = []

    with little_memory(8, while_training=False) as failed:
        halved = fresh.features(inputs(fresh), share_prompts=True, progress=steps.append)

    assert len(failed) == len([step for step in steps if step.note]) == 1
    assert np.allclose(halved, expected, rtol=0, atol=1e-5)


def test_a_prompt_that_does_not_fit_ends_with_advice(sharer):
    with little_memory(0, while_training=False), pytest.raises(AlignmentError, match="a smaller backbone"):
        sharer.features(inputs(sharer), share_prompts=True)


def test_the_prompt_is_tokenised_as_the_formatter_does_it(tiny_policy, sharer):
    tokenizer = load_backbone(tiny_policy).tokenizer

    (prompt, *_) = sharer.formatter.prompts(inputs(sharer))

    assert list(prompt) == tokenizer(ARTICLE.strip())["input_ids"]
