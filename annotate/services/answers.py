"""The answers to the researchers' two questions, in one sentence each, from the numbers on the same page."""

from annotate.models import Language
from annotate.services.accuracies import AccuracyRow
from annotate.services.results import Matrix


def accuracy_answer(row: AccuracyRow, languages: list[Language]) -> str:
    """Does the reward model beat the baselines? languages: those of the row's cells, in their order."""
    held_out, model = f"On held-out {row.feedback}", f"the {row.source.english_name} reward model"
    compared = [
        (language, cell)
        for language, cell in zip(languages, row.cells, strict=True)
        if cell and cell.baselines
    ]
    if not compared:
        return f"{held_out}, {model} has no baseline to beat: it learned from pairs."
    won = [language.english_name for language, cell in compared if cell.beats_all]
    where = _some_of(len(won), len(compared), "language")
    names = f": {', '.join(won)}" if won else ""
    return f"{held_out}, {model} is better than every baseline, beyond chance, in {where}{names}."


def win_rate_answer(matrix: Matrix) -> str:
    """Is the aligned response preferred? A cell answers when its interval leaves out one half."""
    rates = [cell.win_rate for cell in matrix.cells.values() if cell.win_rate]
    if not rates:
        return "Nobody has judged yet."
    preferred = sum(rate.low > 0.5 for rate in rates)
    refused = sum(rate.high < 0.5 for rate in rates)
    unsure = len(rates) - preferred - refused
    waiting = len(matrix.cells) - len(rates)
    where = _some_of(preferred, len(matrix.cells), "cell")
    parts = [
        f"The aligned response is preferred, beyond chance, in {where}",
        f"in {unsure} the interval contains 50 %" if unsure else "",
        f"in {refused} the unaligned response is preferred" if refused else "",
        f"{waiting} {'is' if waiting == 1 else 'are'} not judged yet" if waiting else "",
    ]
    return "; ".join(filter(None, parts)) + "."


def _some_of(some: int, everything: int, noun: str) -> str:
    """2 of 7 languages, 1 of 1 cell."""
    return f"{some} of {everything} {noun}{'' if everything == 1 else 's'}"
