"""How a local model is told which way to translate: each family of models has a convention of its own.

NLLB and M2M100 begin the translation with a token for its language; MADLAD and Opus-MT models of several
targets read it before the text; other models translate one way and are told nothing.
"""

from collections.abc import Collection
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.languages import LANGUAGES, language_named
from alignment.translation.flores import FLORES
from alignment.translation.translator import Direction

# Names of languages in models that are older than the tag.
OLDER_NAMES = {"he": "iw", "nb": "no", "fil": "tl", "jv": "jw", "id": "in"}


class Convention(NamedTuple):
    """source_code: for the tokenizer, "" for none; prefix: before every text; first_token: None for any."""

    source_code: str = ""
    prefix: str = ""
    first_token: int | None = None


def convention(tokenizer: PreTrainedTokenizerBase, direction: Direction) -> Convention:
    """What the model has to be told. Raises AlignmentError when it does not translate that way."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    if "eng_Latn" in vocabulary:
        codes = [_named(tag, FLORES.get(tag, ""), "{}", vocabulary) for tag in direction]
        return Convention(source_code=codes[0], first_token=vocabulary[codes[1]])
    if "__en__" in vocabulary:
        tokens = [_first(tag, "__{}__", vocabulary) for tag in direction]
        return Convention(source_code=tokens[0].strip("_"), first_token=vocabulary[tokens[1]])
    if "<2en>" in vocabulary:
        return Convention(prefix=_first(direction.target, "<2{}>", vocabulary) + " ")
    if any(token.startswith(">>") and token.endswith("<<") for token in vocabulary):
        return Convention(prefix=_first(direction.target, ">>{}<<", vocabulary) + " ")
    _check_one_way(tokenizer, direction)
    return Convention()


def _first(tag: str, template: str, vocabulary: Collection[str]) -> str:
    """The token of the first name of the language that the model knows."""
    known = [name for name in _names(tag) if template.format(name) in vocabulary]
    return _named(tag, known[0] if known else "", template, vocabulary)


def _named(tag: str, name: str, template: str, vocabulary: Collection[str]) -> str:
    token = template.format(name)
    if not name or token not in vocabulary:
        raise AlignmentError(f"The translator does not know the language {tag!r}; choose another one.")
    return token


def _names(tag: str) -> list[str]:
    """What models may call a language; never by the name of one in another script."""
    primary = tag.split("-")[0]
    names = [tag, tag.replace("-", "_"), *filter(None, [FLORES.get(tag, ""), FLORES.get(tag, "")[:3]])]
    if primary in LANGUAGES and LANGUAGES[primary].script == language_named(tag).script:
        names += [primary, *([OLDER_NAMES[primary]] if primary in OLDER_NAMES else [])]
    return names


def _check_one_way(tokenizer: PreTrainedTokenizerBase, direction: Direction) -> None:
    """Opus-MT's tokenizers say which way; where one says nothing, or a group of languages, it is believed."""
    told = (getattr(tokenizer, "source_lang", ""), getattr(tokenizer, "target_lang", ""))
    for tag, name in zip(direction, told, strict=True):
        if name not in _names(tag) and any(name in _names(other) for other in LANGUAGES):
            raise AlignmentError(
                f"This model translates {told[0]} → {told[1]}, not {direction}; "
                "name one for that direction (--back-translator for the way back)."
            )
