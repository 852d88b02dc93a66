"""A file of data in another language, or translated there and back, with a report of what was dropped."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment.digests import file_digest
from alignment.errors import AlignmentError
from alignment.journal import Journal
from alignment.jsonl import read_records
from alignment.progress import Progress
from alignment.translation.lines import Line, parse_line, prompt_of, texts_of, translated
from alignment.translation.texts import TranslatedTexts, translate_texts
from alignment.translation.translator import Answer, Direction, Problem, TranslatedPiece, Translator


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be translated.

    dataset: the name of the new data set; "" to keep that of each line.
    """

    data: Path
    output: Path
    direction: Direction
    dataset: str = ""


def translate_file(
    order: Order, forth: Translator, back: Translator | None, *, progress: Progress
) -> dict[str, Any]:
    """Write every line in the other language, or through it and back where `back` is given.

    Started again after a kill, goes on with the texts that are left. Raises AlignmentError when a line is in
    another language than the one translated from, or nothing is left of the file. Returns the report.
    """
    lines = _read(order)
    rounds = _rounds(order.direction, forth, back)
    for direction, translator in rounds:
        translator.check(direction)
    identity = (file_digest(order.data), *(f"{one} {made.identity}" for one, made in rounds))
    journal = Journal(order.output, *identity, parse=TranslatedPiece.from_json)
    texts = list(dict.fromkeys(text for line in lines for text in texts_of(line)))
    answers, done = {text: Answer(text=text) for text in texts}, []
    for direction, translator in rounds:
        waiting = [answer.text for answer in answers.values() if not answer.problem]
        done.append(translate_texts(waiting, direction, translator, journal, progress))
        answers = {text: _next(answer, done[-1]) for text, answer in answers.items()}
    return _publish(order, lines, answers, done, journal)


def _rounds(
    direction: Direction, forth: Translator, back: Translator | None
) -> list[tuple[Direction, Translator]]:
    rounds = [(direction, forth)]
    return [*rounds, (Direction(direction.target, direction.source), back)] if back else rounds


def _read(order: Order) -> list[Line]:
    lines = read_records(order.data, parse_line)
    if not lines:
        raise AlignmentError(f"There are no lines in {order.data}.")
    source = order.direction.source
    other = next((line for line in lines if prompt_of(line).language != source), None)
    if other is not None:
        raise AlignmentError(
            f"There is a line in {prompt_of(other).language!r} beside those in {source!r}; "
            "translate each language by a command of its own."
        )
    return lines


def _next(answer: Answer, found: TranslatedTexts) -> Answer:
    return answer if answer.problem else found.answers[answer.text]


def _publish(
    order: Order,
    lines: Sequence[Line],
    answers: Mapping[str, Answer],
    rounds: Sequence[TranslatedTexts],
    journal: Journal[TranslatedPiece],
) -> dict[str, Any]:
    language = rounds[-1].direction.target
    results = [translated(line, answers, language=language, dataset=order.dataset) for line in lines]
    dropped = Counter(str(result) for result in results if isinstance(result, Problem))
    kept = [result for result in results if not isinstance(result, Problem)]
    if not kept:
        reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
        raise AlignmentError(f"No line of {order.data} could be translated ({reasons}).")
    journal.publish(kept)
    return {
        "lines": len(lines),
        "written": len(kept),
        "dropped": dict(dropped),
        "unchanged": sum(answer.text == text for text, answer in answers.items()),
        "rounds": [each.as_json() for each in rounds],
    }
