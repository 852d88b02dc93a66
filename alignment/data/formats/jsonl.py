"""The project's own format: prompts, responses, preferences and ratings, told apart by their fields."""

from alignment.data.formats.format import Defaults, Format, Parse, Record
from alignment.errors import AlignmentError
from alignment.records import Json, Preference, Prompt, Rating, SystemResponse

RESPONSES = ("chosen", "rejected", "completion")


def start(defaults: Defaults) -> Parse:
    """Lines of every kind may stand in one file; fields that are null count as absent."""

    def parse(_number: int, line: Json) -> Record:
        present = {name: _plain(name, value) for name, value in line.items() if value is not None}
        return _record(defaults.fill(present))

    return parse


def _record(line: Json) -> Record:
    if "chosen" in line or "rejected" in line:
        return Preference.from_json(line)
    if "label" in line:
        return Rating.from_json(line)
    if "completion" in line and "system" in line:
        return SystemResponse.from_json(line)
    if "completion" in line:
        raise AlignmentError('A "completion" needs a "label" (true or false) or the "system" that wrote it.')
    return _prompt(line)


def _prompt(line: Json) -> Prompt:
    prompt = Prompt.from_json(line)
    if isinstance(prompt.text, str) and not prompt.text.strip():
        raise AlignmentError(
            'A line needs "chosen" and "rejected", or "completion", or at least a "prompt" that is not empty.'
        )
    return prompt


def _plain(name: str, value: object) -> object:
    """A response that TRL's conversational format writes as a list of one assistant message."""
    match value:
        case [{"role": "assistant", "content": str(content)}] if name in RESPONSES:
            return content
    return value


FORMAT = Format(key="jsonl", name="JSON Lines of Polyreward", start=start)
