"""Tiny random checkpoints on disk, with real tokenizers, for every test that needs a policy or a backbone."""

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

SENTENCES = (
    "The morning light came in through the kitchen window, and somebody was already singing.",
    "We lost the match, but nobody on the bus home seemed to mind very much.",
    "Der Zug kam zu spät, und trotzdem lachten alle über das schöne Wetter.",
    "Meine Großmutter öffnete die Tür und fragte, ob wir Hunger hätten.",
    "La niña abrió la puerta y el perro salió corriendo hacia el jardín.",
    "Mañana volveremos a la playa, aunque el cielo siga gris.",
    "Мы вышли на улицу, и снег наконец перестал идти.",
    "Сегодня вечером вся семья соберётся за одним столом.",
    "Akşam olunca çocuklar bahçede oynamaya başladı.",
    "Bu sabah çay içerken güzel bir haber aldık.",
    "Buổi sáng hôm nay trời mưa, nhưng mọi người vẫn vui vẻ.",
    "Cô giáo mỉm cười và kể cho chúng tôi nghe một câu chuyện.",
    "في الصباح جلسنا قرب النافذة نشرب الشاي.",
    "ابتسمت الأم وقالت إن كل شيء سيكون بخير.",
)


@pytest.fixture(scope="session")
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Gemma 3 of two layers; its byte-level tokenizer writes any script and opens a text with <bos>.

    Read only: copy the directory before changing it (`copy_of`).
    """
    directory = tmp_path_factory.mktemp("checkpoints") / "tiny-policy"
    tokenizer = _byte_level_tokenizer()
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=16,
        layer_types=["sliding_attention", "full_attention"],
        max_position_embeddings=512,
        initializer_range=0.3,  # enough that a token in the wrong place changes the outcome
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    Gemma3ForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers with a Unigram tokenizer that closes a text with </s>. Read only."""
    directory = tmp_path_factory.mktemp("checkpoints") / "tiny-encoder"
    tokenizer = _unigram_tokenizer()
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


def copy_of(checkpoint: Path, parent: Path) -> Path:
    """A copy of a fixture's checkpoint under `parent`, to be changed at will."""
    return Path(shutil.copytree(checkpoint, parent / checkpoint.name))


def _byte_level_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<pad>", "<eos>", "<bos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    bos = tokenizer.token_to_id("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", bos)]
    )
    roles = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **roles)


def _unigram_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",  # noqa: S106 (a token of text, no secret)
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ends
    )
    roles = {"pad_token": "<pad>", "unk_token": "<unk>"}
    roles |= {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="right", **roles)
