"""Translating many texts once each: in pieces, in batches of like length, kept as soon as they are there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from alignment.journal import Journal
from alignment.languages import language_named
from alignment.progress import Progress, Step
from alignment.records import Json
from alignment.translation.splitting import Split, split
from alignment.translation.translator import Answer, Direction, TranslatedPiece, Translator


class TranslatedTexts(NamedTuple):
    """answers: by text; num_pieces: different ones; the others count texts.

    num_unchanged: came back as they were.
    """

    answers: Mapping[str, Answer]
    direction: Direction
    num_pieces: int
    num_split: int
    num_split_within_sentences: int
    num_unchanged: int

    def as_json(self) -> Json:
        return {
            "from": self.direction.source,
            "to": self.direction.target,
            "texts": len(self.answers),
            "pieces": self.num_pieces,
            "split": self.num_split,
            "split_within_sentences": self.num_split_within_sentences,
            "unchanged": self.num_unchanged,
        }


def translate_texts(
    texts: Iterable[str],
    direction: Direction,
    translator: Translator,
    journal: Journal[TranslatedPiece],
    progress: Progress,
) -> TranslatedTexts:
    """Translate each different text; pieces that the journal has are not translated again.

    The batches are the same whatever is done already, because the shape of a batch may touch the last bit of
    a logit, and so are the translations.
    """

    def fits(piece: str) -> bool:
        return translator.fits(piece, direction)

    splits = {text: split(text, fits, by_lines=translator.by_lines) for text in dict.fromkeys(texts)}
    pieces = dict.fromkeys(piece for each in splits.values() for piece in each.pieces)
    answers = _translate_pieces(list(pieces), direction, translator, journal, progress)
    spaced = language_named(direction.target).spaced
    found = {text: _joined(each, answers, spaced=spaced) for text, each in splits.items()}
    return TranslatedTexts(
        answers=found,
        direction=direction,
        num_pieces=len(pieces),
        num_split=sum(len(each.pieces) > 1 for each in splits.values()),
        num_split_within_sentences=sum(each.within_sentence for each in splits.values()),
        num_unchanged=sum(answer.text == text for text, answer in found.items()),
    )


def _translate_pieces(
    pieces: Sequence[str],
    direction: Direction,
    translator: Translator,
    journal: Journal[TranslatedPiece],
    progress: Progress,
) -> dict[str, Answer]:
    done = {each.piece: each.answer for each in journal.records if each.direction == direction}
    in_order = sorted(pieces, key=lambda piece: (-translator.length(piece, direction), piece))
    for batch in _batches(in_order, translator.batch_size):
        if all(piece in done for piece in batch):
            continue
        for piece, answer in zip(batch, translator.translate(batch, direction), strict=True):
            if piece not in done:
                done[piece] = answer
                journal.append(TranslatedPiece(direction=direction, piece=piece, answer=answer))
        text = done[batch[-1]].text
        progress(Step(done=len(done), total=len(pieces), unit=f"texts {direction}", text=text))
    return done


def _batches(pieces: Sequence[str], size: int) -> Iterable[tuple[str, ...]]:
    return (tuple(pieces[start : start + size]) for start in range(0, len(pieces), size))


def _joined(each: Split, answers: Mapping[str, Answer], *, spaced: bool) -> Answer:
    """One piece without a translation leaves the text without one: nothing is left out silently."""
    found = [answers[piece] for piece in each.pieces]
    problem = next((answer.problem for answer in found if answer.problem), None)
    if problem:
        return Answer(problem=problem)
    return Answer(text=each.joined([answer.text.strip() for answer in found], spaced=spaced))
