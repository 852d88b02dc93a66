"""OpenAssistant oasst1: pairs of answers that people ranked, and the same pairs translated line by line."""

from alignment.data.formats.format import Defaults, Format, Parse
from alignment.randomness import derive_seed
from alignment.records import Json, Preference

SHARES = ("train",) * 7 + ("validation",) + ("test",) * 2


def start(defaults: Defaults) -> Parse:
    """Fields: language, prompt, chosen, rejected. The split comes from where the line stands.

    The pairs of one prompt follow each other, and a translation keeps the order of the lines. So the line
    on which a prompt begins names it in every language: no prompt straddles two splits, and neither do a
    pair and its translation. A file with lines taken out in between gets other splits.
    """
    prompt: object = None
    first_line = 0

    def parse(number: int, line: Json) -> Preference:
        nonlocal prompt, first_line
        if line.get("prompt") != prompt:
            prompt, first_line = line.get("prompt"), number
        return Preference.from_json({**defaults.fill(line), "split": split_of(first_line)})

    return parse


def split_of(first_line: int) -> str:
    """About 70 % train, 10 % validation, 20 % test, by the line on which a prompt begins."""
    return SHARES[derive_seed(0, "oasst1", first_line) % len(SHARES)]


FORMAT = Format(
    key="oasst1",
    name="oasst1, ranked answers of OpenAssistant",
    start=start,
    dataset="oasst1",
    licence="Apache-2.0, OpenAssistant/oasst1",
)
