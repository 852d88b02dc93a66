"""Times the scores of 64 candidates of one prompt against the plain batch of transformers.

Run: OMP_NUM_THREADS=1 python -m benchmarks.pool_scoring [--prompts 128 512 1024] [--layers 8]
The backbone is shaped like Qwen3 0.6B with fewer layers, has random weights and computes in float32. The
plain way is one padded batch. Both begin with the texts. It counts processor seconds, so that other work
on the machine matters little. The FLOP ratio is that of the tokens which the two ways cannot do without.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

from alignment.reward.features import FeatureExtractor
from alignment.reward.formatting import Formatter, Input, Layout, SpecialEnds
from alignment.reward.pooling import Pooling

NUM_CANDIDATES = 64
SHORTEST, LONGEST = 27, 64  # tokens of a candidate, with its end
WORDS = 1000
END, PAD = WORDS, WORDS + 1
Scores = NDArray[np.float64]


class Timed(NamedTuple):
    """Processor seconds, and what was computed in them."""

    seconds: float
    scores: Scores


def extractor(num_layers: int) -> FeatureExtractor:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=WORDS + 2,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=num_layers,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=4096,
        use_cache=False,
    )
    layout = Layout(delimiter=" ", cuts_end=False, max_tokens=config.max_position_embeddings)
    formatter = Formatter(tokenizer=_tokenizer(), prefix="", ends=SpecialEnds((), (END,)), layout=layout)
    backbone = Qwen3Model(config).eval()  # type: ignore[no-untyped-call]
    return FeatureExtractor(backbone=backbone, formatter=formatter, pooling=Pooling.LAST)


def _tokenizer() -> PreTrainedTokenizerFast:
    """One token for each of `WORDS` words."""
    vocabulary = {f"w{number}": number for number in range(WORDS)} | {"<end>": END, "<pad>": PAD}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))  # noqa: S106  a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    roles = {"pad_token": "<pad>", "padding_side": "right"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)  # type: ignore[no-untyped-call]


def candidates(num_prompt_tokens: int) -> list[Input]:
    """Random words; lengths evenly from the shortest to the longest."""
    chance = random.Random(num_prompt_tokens)  # noqa: S311  no secret

    def words(count: int) -> str:
        return " ".join(f"w{chance.randrange(WORDS)}" for _ in range(count))

    prompt = words(num_prompt_tokens)
    lengths = np.linspace(SHORTEST, LONGEST, NUM_CANDIDATES).round().astype(int)
    return [Input(prompt, " " + words(int(length) - 1), cuts_end=False) for length in lengths]


def ours(scorer: FeatureExtractor, inputs: Sequence[Input], head: Scores) -> Scores:
    return scorer.features(inputs, share_prompts=True) @ head


@torch.inference_mode()
def plain(scorer: FeatureExtractor, inputs: Sequence[Input], head: Scores) -> Scores:
    """As a sequence classifier of transformers does it: one batch, the last token of each row."""
    texts = [one.prompt + one.rest + " <end>" for one in inputs]
    batch = scorer.formatter.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
    hidden = scorer.backbone(**batch).last_hidden_state  # (64, T, H)
    last = batch["attention_mask"].sum(dim=1) - 1
    return np.asarray(hidden[torch.arange(len(last)), last].numpy() @ head)


def timed(compute: Callable[[], Scores]) -> Timed:
    start = time.process_time()
    scores = compute()
    return Timed(time.process_time() - start, scores)


def flop_ratio(num_prompt_tokens: int) -> float:
    """Tokens of a padded batch for each token that must be computed."""
    lengths = np.linspace(SHORTEST, LONGEST, NUM_CANDIDATES).round()
    return float(NUM_CANDIDATES * (num_prompt_tokens + LONGEST) / (num_prompt_tokens + lengths.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, nargs="+", default=[128, 512, 1024], help="tokens")
    parser.add_argument("--layers", type=int, default=8)
    options = parser.parse_args()
    scorer = extractor(options.layers)
    head = np.random.default_rng(0).normal(size=scorer.num_features) / scorer.num_features**0.5
    ours(scorer, candidates(64), head)  # the first call prepares kernels
    for num_tokens in options.prompts:
        inputs = candidates(num_tokens)
        shared = timed(lambda inputs=inputs: ours(scorer, inputs, head))  # type: ignore[misc]
        batch = timed(lambda inputs=inputs: plain(scorer, inputs, head))  # type: ignore[misc]
        winners = "same winner" if shared.scores.argmax() == batch.scores.argmax() else "OTHER WINNER"
        sys.stdout.write(
            f"{num_tokens:>5} tokens: plain {batch.seconds:.1f} s, shared {shared.seconds:.1f} s, "
            f"ratio {batch.seconds / shared.seconds:.1f} (FLOP {flop_ratio(num_tokens):.1f}), "
            f"largest difference {np.abs(shared.scores - batch.scores).max():.1e}, {winners}\n"
        )


if __name__ == "__main__":
    main()
