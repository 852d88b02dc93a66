"""Which pieces of a multilingual vocabulary a set of languages uses.

Where the package wordfreq has a word list, a piece is in use if it makes up a large enough share of the
language's running text: words are weighted by their frequency and written as running text writes them (after
a space or not, capitalised or not). Other languages, and those that write no spaces, keep all pieces of their
script. Punctuation, digits and symbols belong to every language.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

import regex  # type: ignore[import-untyped]
from tokenizers import Tokenizer

from alignment.languages import language_named

# A piece rarer than this in a language's text is left out; what that costs is in docs/models.md.
MIN_SHARE = 1e-6
NUM_WORDS = 60_000

SPACE = "▁"
LONGEST_SYMBOL = 3

# Roughly how often running text has a word after a space or not; as it is, capitalised, in capitals.
_SHARES = {"after a space": 0.9, "at the beginning": 0.1}
_CASES = {"as it is": 0.75, "capitalised": 0.24, "capitals": 0.01}

# Writing systems for which Unicode has several scripts or another name.
_SCRIPTS = {"Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang",), "Hans": ("Hani",), "Hant": ("Hani",)}
_WORD_LISTS = {"hr": "sh", "bs": "sh"}
_DOTTED_I = {"tr", "az"}


def pieces_in_use(tokenizer: Tokenizer, languages: Sequence[str]) -> set[str]:
    """Pieces to keep for these languages. Raises AlignmentError for a tag that is not in the table."""
    vocabulary = tokenizer.get_vocab()
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    kept = {piece for piece in vocabulary if _is_symbol(piece) or regex.fullmatch(r"<0x[0-9A-F]{2}>", piece)}
    kept.update(piece for piece in added if not regex.fullmatch(r"<unused\d+>", piece))
    for tag in languages:
        script = _letters(tag)
        of_script = {piece for piece in vocabulary.keys() - added if script.fullmatch(piece)}
        words = frequent_words(tag)
        if words:
            kept.update(piece for piece in of_script if len(piece) == 1)
            kept.update(_pieces_of(tokenizer, words, tag))
        else:
            kept.update(of_script)
    return kept


def frequent_words(tag: str) -> dict[str, float]:
    """The commonest words of a language in its own script, with their frequencies.

    Empty where there is no list, or where words are not set apart by spaces, so that pieces span them.
    """
    import wordfreq  # with the packages of models, so it may be missing where none is converted

    name = _WORD_LISTS.get(tag, tag.split("-")[0])
    if not language_named(tag).spaced or name not in wordfreq.available_languages("best"):
        return {}
    frequencies = wordfreq.get_frequency_dict(name, "best")
    script = _letters(tag)
    words = islice(wordfreq.iter_wordlist(name, "best"), NUM_WORDS)
    return {word: frequencies[word] for word in words if script.search(word)}


def _pieces_of(tokenizer: Tokenizer, words: dict[str, float], tag: str) -> set[str]:
    """The pieces that make up at least MIN_SHARE of the words as running text has them."""
    forms = [form for word, frequency in words.items() for form in _written(word, frequency, tag)]
    encoded = tokenizer.encode_batch_fast([text for text, _ in forms], add_special_tokens=False)
    mass: dict[int, float] = defaultdict(float)
    for encoding, (_, weight) in zip(encoded, forms, strict=True):
        for index in encoding.ids:
            mass[index] += weight
    least = MIN_SHARE * sum(mass.values())
    pieces = {index: piece for piece, index in tokenizer.get_vocab().items()}
    return {pieces[index] for index, weight in mass.items() if weight >= least}


def _written(word: str, frequency: float, tag: str) -> Iterator[tuple[str, float]]:
    """The forms of a word with their frequencies."""
    for spelling in _spellings(word, tag):
        upper = spelling.replace("i", "İ") if tag in _DOTTED_I else spelling
        capitals = upper.upper()
        capitalised = upper[0].upper() + spelling[1:]
        for form, case in zip((spelling, capitalised, capitals), _CASES.values(), strict=True):
            for space, share in zip((" ", ""), _SHARES.values(), strict=True):
                yield space + form, frequency * case * share


def _spellings(word: str, tag: str) -> tuple[str, ...]:
    """The word list folds ß into ss."""
    return (word, word.replace("ss", "ß")) if tag == "de" and "ss" in word else (word,)


def _is_symbol(piece: str) -> bool:
    """Punctuation, a symbol, a digit, a mark for any letter; or a run of one of them."""
    body = piece.strip(SPACE)
    if regex.search(r"[\p{L}\p{M}\p{N}]", body):
        return len(piece) == 1 and regex.fullmatch(r"[\p{N}\p{Script=Inherited}]", piece) is not None
    return len(piece) <= LONGEST_SYMBOL or len(set(body)) <= 1


def _letters(tag: str) -> regex.Pattern[str]:
    """Matches letters of the language's script with their marks, after a space or not."""
    script = language_named(tag).script
    classes = "".join(rf"\p{{Script={name}}}" for name in _SCRIPTS.get(script, (script,)))
    return regex.compile(rf"{SPACE}?[{classes}][{classes}\p{{Script=Inherited}}]*")
