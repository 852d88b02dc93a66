"""Tiny encoder-decoder models on disk that were taught a few phrases, one for each convention."""

import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from tokenizers.decoders import Metaspace
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    NllbTokenizer,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.alignment.translation.conftest import TURKISH

GERMAN = {"hello": "moin", "thank you": "danke", "go away": "raus", "good day": "tag"}
LETTERS = sorted(
    {letter for pairs in (TURKISH, GERMAN) for pair in pairs.items() for letter in "".join(pair)} - {" "}
)
SIZES = {"d_model": 64, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
SIZES |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "dropout": 0.0}
SIZES |= {"attention_dropout": 0.0, "activation_dropout": 0.0, "max_position_embeddings": 64}


def nllb(directory: Path) -> Path:
    """English to Turkish and German, and Turkish to English."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS]
    tokenizer = NllbTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        extra_special_tokens=["eng_Latn", "tur_Latn", "deu_Latn"],
    )
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer),
            **SIZES,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            decoder_start_token_id=2,
        )
    )
    taught = []
    for source, target, pairs in (
        ("eng_Latn", "tur_Latn", TURKISH.items()),
        ("eng_Latn", "deu_Latn", GERMAN.items()),
        ("tur_Latn", "eng_Latn", [(made, text) for text, made in TURKISH.items()]),
    ):
        codes = [tokenizer.convert_tokens_to_ids(code) for code in (source, target)]
        for text, made in pairs:
            plain = [tokenizer(each, add_special_tokens=False)["input_ids"] for each in (text, made)]
            taught.append(([codes[0], *plain[0], 2], [codes[1], *plain[1], 2]))
    return _saved(model, tokenizer, taught, directory, pad=1, given=1)


def madlad(directory: Path) -> Path:
    """From anything to Turkish and German: a T5 that reads <2tr> or <2de>."""
    tokenizer = _characters(["<pad>", "</s>", "<unk>", "<2en>", "<2tr>", "<2de>"])
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=64,
        d_kv=32,
        d_ff=128,
        num_layers=1,
        num_heads=2,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    pairs = [(f"<2tr> {text}", made) for text, made in TURKISH.items()]
    pairs += [(f"<2de> {text}", made) for text, made in GERMAN.items()]
    return _saved(T5ForConditionalGeneration(config), tokenizer, _tokens(tokenizer, pairs), directory, pad=0)


def opus(directory: Path) -> Path:
    """English to Turkish only, with the tokenizer of Opus-MT."""
    directory.mkdir()
    source, target = (directory / name for name in ("source.spm", "target.spm"))
    for path, texts in ((source, TURKISH), (target, TURKISH.values())):
        _train_pieces(path, texts)
    pieces = dict.fromkeys(piece for path in (source, target) for piece in _pieces(path))
    words = ["</s>", "<unk>", *pieces, "<pad>"]
    vocabulary = directory / "vocab.json"
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    vocabulary.write_text(json.dumps(numbers), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = MarianTokenizer(
            source_spm=str(source),
            target_spm=str(target),
            vocab=str(vocabulary),
            source_lang="en",
            target_lang="tr",
        )
    pad = tokenizer.pad_token_id
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(tokenizer),
            **SIZES,
            pad_token_id=pad,
            eos_token_id=0,
            forced_eos_token_id=0,
            decoder_start_token_id=pad,
        )
    )
    taught = [
        (tokenizer(text)["input_ids"], tokenizer(text_target=made)["input_ids"])
        for text, made in TURKISH.items()
    ]
    return _saved(model, tokenizer, taught, directory, pad=pad)


def _characters(special: list[str]) -> PreTrainedTokenizerFast:
    words = {word: number for number, word in enumerate([*special, "▁", *LETTERS])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[], unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    roles = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **roles, extra_special_tokens=[one for one in special if "2" in one]
    )


def _tokens(tokenizer, pairs: Iterable[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    return [(tokenizer(text)["input_ids"], tokenizer(made)["input_ids"]) for text, made in pairs]


def _train_pieces(path: Path, texts: Iterable[str]) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(texts)),
        model_prefix=str(path.with_suffix("")),
        model_type="char",
        vocab_size=64,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    path.with_suffix(".model").rename(path)
    path.with_suffix(".vocab").unlink()


def _pieces(path: Path) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def _saved(model, tokenizer, taught, directory: Path, *, pad: int, given: int = 0) -> Path:
    """Teach the pairs by heart, then save. given: how many tokens of a translation are told, not learned."""
    sources, targets = zip(*taught, strict=True)
    ids, labels = _padded(sources, pad), _padded(targets, -100)
    before = _padded([[model.config.decoder_start_token_id, *target[:-1]] for target in targets], pad)
    labels[:, :given] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(600):
        found = model(input_ids=ids, attention_mask=(ids != pad).long(), decoder_input_ids=before)
        loss = torch.nn.functional.cross_entropy(found.logits.transpose(1, 2), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.01:
            break
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _padded(rows, filler: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(map(torch.tensor, rows)), True, filler)
