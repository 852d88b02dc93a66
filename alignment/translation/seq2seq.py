"""A local encoder-decoder model as a translator: NLLB, M2M100, MADLAD, Opus-MT and their like."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alignment.errors import AlignmentError
from alignment.memory import Halving
from alignment.policy.checkpoints import Checkpoint, checked_config
from alignment.translation.families import Convention, convention
from alignment.translation.translator import Answer, Direction, Problem, checked

# Most of these models have seen sentences only, and write worse the longer a text is.
MAX_INPUT_TOKENS = 256
# A translation has about as many tokens as its text; one that has so many more is a loop.
EXTRA_TOKENS = 32


class Seq2SeqTranslator:
    """Greedy, or by beams; the same batch gives the same translations."""

    by_lines = True

    def __init__(
        self, checkpoint: Checkpoint, *, num_beams: int, batch_size: int, say: Callable[[str], None]
    ) -> None:
        """say: told when the memory does not suffice. Raises AlignmentError for what is no such model."""
        if min(num_beams, batch_size) < 1:
            raise AlignmentError("--beams and --batch-size must be at least 1.")
        self.batch_size = batch_size
        self.identity = f"seq2seq {checkpoint.digest} beams={num_beams} batch={batch_size}"
        self._model = _load(checkpoint.directory, num_beams)
        self._tokenizer: Any = _tokenizer(checkpoint.directory)
        self._max_tokens = _max_tokens(self._model.config, self._tokenizer.model_max_length)
        self._halving = Halving(rows="texts", advice="give a smaller --batch-size or a smaller model")
        self._say = say
        self._conventions: dict[Direction, Convention] = {}

    def check(self, direction: Direction) -> None:
        self._conventions[direction] = convention(self._tokenizer, direction)

    def length(self, piece: str, direction: Direction) -> int:
        self._speak(direction)
        return len(self._tokenizer(self._conventions[direction].prefix + piece, verbose=False)["input_ids"])

    def fits(self, piece: str, direction: Direction) -> bool:
        return self.length(piece, direction) <= min(MAX_INPUT_TOKENS, self._max_tokens)

    def translate(self, pieces: Sequence[str], direction: Direction) -> list[Answer]:
        self._speak(direction)
        work = partial(self._translate, self._conventions[direction])
        return self._halving.compute(work, pieces, self._say)

    def _speak(self, direction: Direction) -> None:
        """Some tokenizers keep the language of the text as a state."""
        if code := self._conventions[direction].source_code:
            self._tokenizer.src_lang = code

    def _translate(self, told: Convention, pieces: Sequence[str]) -> list[Answer]:
        texts = [told.prefix + piece for piece in pieces]
        inputs = self._tokenizer(texts, padding=True, return_tensors="pt").to(self._model.device)
        num_tokens = inputs["input_ids"].shape[1]
        model: Any = self._model
        written = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=min(2 * num_tokens + EXTRA_TOKENS, self._max_tokens - 1),
            forced_bos_token_id=told.first_token,
        )  # (B, T), with the token that starts every translation
        return [self._answer(row) for row in written[:, 1:].tolist()]

    def _answer(self, ids: list[int]) -> Answer:
        if self._tokenizer.eos_token_id not in ids:
            return Answer(problem=Problem.UNFINISHED)
        return checked(self._tokenizer.decode(ids, skip_special_tokens=True).strip())


def _load(directory: Path, num_beams: int) -> PreTrainedModel:
    config = checked_config(directory)
    if not config.is_encoder_decoder or type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise AlignmentError(
            f"{directory} is a {config.model_type}, no encoder-decoder that translates; choose one that is, "
            "or serve it and give --server."
        )
    on_gpu = torch.cuda.is_available()
    model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(
        directory,
        config=config,
        dtype="auto" if on_gpu else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
    )
    _decode_deterministically(model, num_beams)
    module: torch.nn.Module = model
    module.to("cuda" if on_gpu else "cpu").eval()
    return model


def _decode_deterministically(model: PreTrainedModel, num_beams: int) -> None:
    """Changes the model's settings: `generate` takes from there what a call does not say."""
    settings: Any = model.generation_config
    settings.num_beams = num_beams
    settings.do_sample = False
    settings.temperature = settings.top_p = settings.top_k = None
    settings.max_length = None
    settings.early_stopping = num_beams > 1
    # An end that is forced at the limit would make a translation that was cut off look finished.
    settings.forced_eos_token_id = None


def _max_tokens(config: PreTrainedConfig, model_max_length: int) -> int:
    """How many positions a text or a translation may have; T5 has no end of them."""
    return min(getattr(config, "max_position_embeddings", model_max_length), model_max_length)


def _tokenizer(directory: Path) -> PreTrainedTokenizerBase:
    with warnings.catch_warnings():
        # Of Marian, which would level quotation marks and dashes with it.
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        return AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
