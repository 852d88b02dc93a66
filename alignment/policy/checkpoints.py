"""Where policies and backbones come from, and how they are loaded: local directories, packages, the hub."""

import inspect
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from alignment.errors import AlignmentError
from alignment.packages.files import check_files, checkpoint_digest, file_digests
from alignment.packages.hub import card_licence, download
from alignment.packages.origin import check_contents, check_sizes, read_origin
from alignment.packages.preparation import prepared_once
from alignment.packages.registry import PACKAGES
from alignment.policy.padding import give_pad_token, num_rows
from alignment.progress import Progress, silent
from alignment.sources import ModelSource, SourceKind, parse_source


class Checkpoint(NamedTuple):
    """A directory that can be loaded.

    digest: SHA-256 over the names and digests of weights, configuration and tokenizer. licence, revision: ""
    where a local directory says nothing about them.
    """

    directory: Path
    digest: str
    licence: str
    revision: str


class Policy(NamedTuple):
    """A causal language model in eval mode, with its tokenizer: padded on the left, pad token of its own."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


class Unloaded(NamedTuple):
    """A policy whose weights somebody else will load: how it is configured, reads, and ends a response."""

    config: PreTrainedConfig
    tokenizer: PreTrainedTokenizerBase
    generation: GenerationConfig


class Backbone(NamedTuple):
    """An encoder, or a causal language model without its head, in eval mode.

    input_prefix: goes before every input text; "" for most.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    input_prefix: str


def resolve(
    source: ModelSource, models: Path, languages: Iterable[str] = (), *, progress: Progress = silent
) -> Checkpoint:
    """The source as a checked directory of safetensors; converted or fetched into `models` the first time.

    languages: BCP 47 tags that a converted policy must be able to write. Raises AlignmentError when the
    source cannot be had, is not in safetensors, needs code of its own, or was changed since it was prepared.
    """
    directory = _directory(source, models, sorted(set(languages)), progress)
    check_files(directory)
    record = read_origin(directory)
    if record is None:
        digest = checkpoint_digest(file_digests(directory))
        return Checkpoint(directory, digest, card_licence(directory), "")
    check_sizes(directory, record)
    return Checkpoint(directory, record.digest, record.origin.licence, record.origin.revision)


def prepare(
    source_text: str, languages: Iterable[str], models: Path, progress: Progress = silent
) -> Checkpoint:
    """`resolve` for a source as a person writes it."""
    return resolve(parse_source(source_text), models, languages, progress=progress)


def load_policy(
    directory: Path, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Policy:
    """Load a checkpoint that writes. dtype: the stored one by default; device: CUDA where there is one.

    Raises AlignmentError when it is no causal language model or its files were changed.
    """
    config = _policy_config(directory)
    model = AutoModelForCausalLM.from_pretrained(
        directory, config=config, dtype=dtype or "auto", use_safetensors=True, trust_remote_code=False
    )
    # As we do; otherwise a temperature among the generation settings keeps a trained policy from being saved.
    model.generation_config.do_sample = True
    tokenizer = _tokenizer(directory, padding_side="left")
    return Policy(_ready(model, tokenizer, device), tokenizer)


def read_policy(directory: Path) -> Unloaded:
    """The same checks as `load_policy`, without the weights."""
    config = _policy_config(directory)
    try:
        generation = GenerationConfig.from_pretrained(directory)
    except OSError:  # there is no such file
        generation = GenerationConfig.from_model_config(config)
    return Unloaded(config, _tokenizer(directory, padding_side="left"), generation)


def load_backbone(
    directory: Path, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Backbone:
    """Load a checkpoint to put a reward head on, without the head or pooler it may have had.

    Raises AlignmentError when it is neither an encoder nor causal, or its files were changed.
    """
    config = _model_config(directory)
    has_pooler = "add_pooling_layer" in _parameters(config)
    model = AutoModel.from_pretrained(
        directory,
        config=config,
        dtype=dtype or "auto",
        use_safetensors=True,
        trust_remote_code=False,
        **({"add_pooling_layer": False} if has_pooler else {}),
    )
    tokenizer = _tokenizer(directory, padding_side="right")
    record = read_origin(directory)
    prefix = record.origin.input_prefix if record else ""
    return Backbone(_ready(model, tokenizer, device), tokenizer, prefix)


def _directory(source: ModelSource, models: Path, languages: list[str], progress: Progress) -> Path:
    match source.kind:
        case SourceKind.DIRECTORY:
            return Path(source.name)
        case SourceKind.PACKAGE:
            package = PACKAGES[source.name]
            convert = partial(package.convert, languages=languages, progress=progress)
            return prepared_once(models / package.directory_name(languages), convert, progress=progress)
        case SourceKind.HUB:
            name = f"{source.name}@{source.revision}".replace("/", "--")
            fetch = partial(download, source.name, source.revision)
            return prepared_once(models / name, fetch, keep_partial=True, progress=progress)


def checked_config(directory: Path) -> PreTrainedConfig:
    """What a checkpoint says of itself. Raises AlignmentError if it is unsafe, or not what was prepared."""
    check_files(directory)
    record = read_origin(directory)
    if record is not None:
        check_contents(directory, record)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # progress is reported in our own way
    config: PreTrainedConfig = AutoConfig.from_pretrained(directory, trust_remote_code=False)
    return config


def _model_config(directory: Path) -> PreTrainedConfig:
    config = checked_config(directory)
    if config.is_encoder_decoder or type(config) not in MODEL_MAPPING:
        raise AlignmentError(f"{directory} is a {config.model_type}; choose a causal model or an encoder.")
    return config


def _policy_config(directory: Path) -> PreTrainedConfig:
    config = _model_config(directory)
    if not _writes(config):
        raise AlignmentError(f"{directory} is no causal language model, so it cannot write responses.")
    return config


def _parameters(config: PreTrainedConfig) -> Iterable[str]:
    """Of the class that AutoModel chooses."""
    model_class: Any = MODEL_MAPPING[type(config)]
    return inspect.signature(model_class).parameters


def _writes(config: PreTrainedConfig) -> bool:
    """Whether a head that writes is stored: transformers would give an encoder such as BERT a random one."""
    heads = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
    stored = any(name.endswith(heads) for name in config.architectures or ())
    return stored and type(config) in MODEL_FOR_CAUSAL_LM_MAPPING


def _tokenizer(directory: Path, *, padding_side: str) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(directory, padding_side=padding_side, trust_remote_code=False)


def _ready(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, device: torch.device | str | None
) -> PreTrainedModel:
    give_pad_token(model, tokenizer)
    if len(tokenizer) > num_rows(model):
        raise AlignmentError(
            f"The tokenizer of {model.name_or_path} has more tokens than the model; "
            "it belongs to another checkpoint, so copy the right one."
        )
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    module: torch.nn.Module = model  # whose methods are typed, as the wrapped ones of transformers are not
    module.to(place).eval()
    return model
