"""An experiment as one YAML file: for a paper's appendix, and to launch it from a shell."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple
from unicodedata import category

import yaml

from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.tasks import TASKS
from annotate.errors import AnnotateError
from annotate.models import Experiment
from annotate.services.drafts import METHODS, Draft

VERSION_KEY, VERSION = "polyreward", 1
LONGEST_FILE = 100_000  # characters
LARGEST = 2**31 - 1
BREAKS = (
    "Cc",
    "Zl",
    "Zp",
)  # controls and separators, which YAML reads as ends of lines unless they are escaped
PRIORITIES = {priority.name.lower(): priority.value for priority in Experiment.Priority}
PRIORITY_NAMES = {value: name for name, value in PRIORITIES.items()}


class ExperimentFileError(AnnotateError):
    """A file that describes no experiment; the sentence names the key."""

    code = "experiment_file"


class Key(NamedTuple):
    """A key of the file: the field of the draft, how its value is read, how it is written."""

    field: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def read_experiment(text: str) -> Draft:
    """Raises ExperimentFileError with the first thing that is wrong."""
    values = _load(text)
    version = values.pop(VERSION_KEY, None)
    if version != VERSION or isinstance(version, bool):
        raise ExperimentFileError(f'The file must say "{VERSION_KEY}: {VERSION}", the version of its form.')
    _check_keys(values)
    return Draft(**{key.field: _read(name, key, values[name]) for name, key in KEYS.items()})


def write_experiment(draft: Draft) -> str:
    """The file; reading it gives the same draft."""
    lines = {VERSION_KEY: VERSION} | {
        name: key.write(getattr(draft, key.field)) for name, key in KEYS.items()
    }
    has_breaks = any(category(letter) in BREAKS for line in lines.values() for letter in str(line))
    return yaml.safe_dump(lines, allow_unicode=not has_breaks, sort_keys=False, width=100)


class _StrictLoader(yaml.SafeLoader):
    """Takes no key twice, where YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [str(key.value) for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise ExperimentFileError(f'"{name}" stands there twice; take one out.')
        return super().construct_mapping(node, deep)


def _load(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_FILE:
        raise ExperimentFileError("The file is too long to describe one experiment.")
    try:
        values = yaml.load(text, _StrictLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise ExperimentFileError(f"The file is no YAML{line}; look for a stray quote or colon.") from error
    if not isinstance(values, dict):
        raise ExperimentFileError('The file must hold keys with values, such as "name: Warm lines".')
    return values


def _check_keys(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in KEYS:
            raise ExperimentFileError(f'"{name}" is no key of an experiment; there are: {", ".join(KEYS)}.')
    for name in KEYS:
        if name not in values:
            raise ExperimentFileError(f'"{name}" is missing; add it.')


def _read(name: str, key: Key, value: Any) -> Any:
    try:
        return key.read(value)
    except ValueError as error:
        raise ExperimentFileError(f'"{name}" must be {error}, not {_shown(value)}.') from error


def _shown(value: Any) -> str:
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def _text(longest: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        is_text = isinstance(value, str) and value.strip() and "\0" not in value
        if not is_text or len(value) > longest or not _is_storable(value):
            raise ValueError(f"a text of up to {longest} characters, in quotes where it looks like a number")
        return str(value)

    return read


def _is_storable(text: str) -> bool:
    """UTF-8 holds it; half a surrogate pair it does not."""
    return text.encode(errors="ignore").decode() == text


def _text_or_nothing(longest: int) -> Callable[[Any], str]:
    return lambda value: "" if value is None else _text(longest)(value)


def _number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low:,} to {high:,}")
        return value

    return read


def _share(value: Any) -> float:
    if not isinstance(value, float) or not 0.01 <= value <= 0.5:
        raise ValueError("a number from 0.01 to 0.5")
    return value


def _one_of(choices: Mapping[str, Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return choices[value]

    return read


def _languages(value: Any) -> tuple[str, ...]:
    try:
        tags = sorted(language_named(tag).tag for tag in value)
    except (AlignmentError, TypeError):
        tags = []
    if not isinstance(value, list) or not tags or len(set(tags)) < len(tags):
        raise ValueError('a list of different language tags, such as [en, "no", pt-BR]')
    return tuple(tags)


KEYS = {
    "name": Key("name", _text(120)),
    "task": Key("task", _one_of({key: key for key in TASKS})),
    "feedback": Key("feedback", _text(80)),
    "sources": Key("sources", _languages, list),
    "prompts": Key("prompts", _text(80)),
    "targets": Key("targets", _languages, list),
    "demonstrations": Key("demonstrations", _text_or_nothing(80), lambda value: value or None),
    "policy": Key("policy", _text(300)),
    "backbone": Key("backbone", _text(300)),
    "method": Key("method", _one_of({method: method for method in METHODS})),
    "n": Key("n", _number(2, 1024)),
    "prompts_per_target": Key("num_prompts", _number(1, LARGEST)),
    "votes": Key("votes_wanted", _number(1, 50)),
    "half_width": Key("half_width", _share),
    "seed": Key("seed", _number(0, LARGEST)),
    "priority": Key("priority", _one_of(PRIORITIES), PRIORITY_NAMES.__getitem__),
}
