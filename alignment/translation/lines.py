"""The texts of a line of data, whatever its kind, and the same line with translations in their place."""

from collections.abc import Mapping
from dataclasses import replace

from alignment.errors import AlignmentError
from alignment.records import Demonstration, Json, Preference, Prompt, Rating, SystemResponse
from alignment.translation.translator import Answer, Problem

Line = Prompt | Demonstration | SystemResponse | Preference | Rating


def parse_line(line: Json) -> Line:
    """A record of the kind that its fields tell. Raises AlignmentError that says what is wrong with it."""
    if "chosen" in line or "rejected" in line:
        return Preference.from_json(line)
    if "label" in line:
        return Rating.from_json(line)
    if "completion" in line:
        return SystemResponse.from_json(line) if line.get("system") else Demonstration.from_json(line)
    prompt = Prompt.from_json(line)
    if not texts_of(prompt):
        raise AlignmentError('A line needs "chosen" and "rejected", "completion", or a "prompt" with a text.')
    return prompt


def texts_of(line: Line) -> list[str]:
    """All texts to translate, in order, a conversation turn by turn; blank ones stay as they are."""
    text = prompt_of(line).text
    turns = [text] if isinstance(text, str) else [turn.content for turn in text]
    return [one for one in (*turns, *_responses(line)) if one.strip()]


def prompt_of(line: Line) -> Prompt:
    return line if isinstance(line, Prompt) else line.prompt


def translated(line: Line, answers: Mapping[str, Answer], *, language: str, dataset: str) -> Line | Problem:
    """The line in another language, or why it has to be dropped. dataset: "" to keep the line's."""
    problems = [problem for text in texts_of(line) if (problem := answers[text].problem)]
    if problems:
        return problems[0]

    def told(text: str) -> str:
        return answers[text].text if text.strip() else text

    prompt = prompt_of(line)
    text = prompt.text
    if isinstance(text, str):
        text = told(text)
    else:
        text = tuple(replace(turn, content=told(turn.content)) for turn in text)
    prompt = replace(prompt, text=text, language=language, dataset=dataset or prompt.dataset)
    match line:
        case Prompt():
            return prompt
        case Preference():
            chosen, rejected = told(line.chosen), told(line.rejected)
            if chosen.strip() == rejected.strip():
                return Problem.EQUAL_SIDES
            return replace(line, prompt=prompt, chosen=chosen, rejected=rejected)
    return replace(line, prompt=prompt, response=told(line.response))


def _responses(line: Line) -> tuple[str, ...]:
    match line:
        case Prompt():
            return ()
        case Preference():
            return (line.chosen, line.rejected)
    return (line.response,)
