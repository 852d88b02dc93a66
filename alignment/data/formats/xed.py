"""XED: film subtitle lines whose emotion labels were reduced to good (joy, trust) or bad."""

from alignment.data.formats.format import Defaults, Format, Parse
from alignment.records import Json, Rating


def start(defaults: Defaults) -> Parse:
    """Fields: language, response, good, split. A line stands alone, so its prompt is empty."""

    def parse(_number: int, line: Json) -> Rating:
        renamed = {"completion": line.get("response"), "label": line.get("good"), "prompt": "", "system": ""}
        return Rating.from_json(defaults.fill({**line, **renamed}))

    return parse


FORMAT = Format(
    key="xed",
    name="XED, film lines rated good or bad",
    start=start,
    dataset="xed",
    licence="CC-BY-4.0, Helsinki-NLP/XED (Öhman, Pàmies, Kajava and Tiedemann 2020)",
)
