"""What crosses every border: frozen records, and the JSON Lines they are written as.

The keys of their JSON follow TRL's dataset formats (`prompt`, `chosen`, `rejected`,
`completion`, `label`) with `language`, `dataset` and `split` beside them; see docs/data-format.md.
"""

import json
from dataclasses import dataclass
from typing import Any, Self

from alignment.digests import text_digest
from alignment.errors import AlignmentError

SPLITS = ("train", "validation", "test")
ROLES = ("system", "user", "assistant")
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """An input x: a text, or the turns of a conversation. Rated lines without input have the text ''."""

    text: str | tuple[Message, ...]
    language: str
    dataset: str = ""
    split: str = "train"

    @property
    def key(self) -> str:
        """Names the prompt by its language and content, wherever it came from."""
        return text_digest(self.language, json.dumps(_prompt_json(self.text), ensure_ascii=False))

    def as_json(self) -> Json:
        return {
            "prompt": _prompt_json(self.text),
            "language": self.language,
            "dataset": self.dataset,
            "split": self.split,
        }

    @classmethod
    def from_json(cls, line: Json) -> Self:
        """Raises AlignmentError when a field is missing or of the wrong type."""
        split = line.get("split", "train")
        if split not in SPLITS:
            raise AlignmentError(f'"split" must be one of {", ".join(SPLITS)}, not {split!r}.')
        return cls(
            text=_read_prompt(line.get("prompt", "")),
            language=read_text(line, "language"),
            dataset=read_text(line, "dataset", default=""),
            split=split,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """Pairwise feedback: of two responses to the prompt, `chosen` is the better."""

    prompt: Prompt
    chosen: str
    rejected: str

    def as_json(self) -> Json:
        return {**self.prompt.as_json(), "chosen": self.chosen, "rejected": self.rejected}

    @classmethod
    def from_json(cls, line: Json) -> Self:
        chosen, rejected = read_text(line, "chosen"), read_text(line, "rejected")
        if chosen == rejected:
            raise AlignmentError('"chosen" and "rejected" are the same text, so there is no preference.')
        return cls(prompt=Prompt.from_json(line), chosen=chosen, rejected=rejected)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rating:
    """Pointwise feedback: the response alone is good or bad; `system` wrote it, "" where nobody says."""

    prompt: Prompt
    response: str
    good: bool
    system: str = ""

    def as_json(self) -> Json:
        system = {"system": self.system} if self.system else {}
        return {**self.prompt.as_json(), "completion": self.response, "label": self.good, **system}

    @classmethod
    def from_json(cls, line: Json) -> Self:
        label = line.get("label")
        if not isinstance(label, bool):
            raise AlignmentError('"label" must be true (good) or false (bad).')
        return cls(
            prompt=Prompt.from_json(line),
            response=read_text(line, "completion"),
            good=label,
            system=read_text(line, "system", default=""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Demonstration:
    """A response that is good enough to imitate."""

    prompt: Prompt
    response: str

    def as_json(self) -> Json:
        return {**self.prompt.as_json(), "completion": self.response}

    @classmethod
    def from_json(cls, line: Json) -> Self:
        """Raises AlignmentError also for a response that the line itself calls bad."""
        if "prompt" not in line:
            raise AlignmentError('A demonstration needs a "prompt" beside its "completion".')
        if line.get("label") is False:
            raise AlignmentError('"label" is false: a bad response is nothing to imitate.')
        return cls(prompt=Prompt.from_json(line), response=read_text(line, "completion"))


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemResponse:
    """A response written elsewhere by a named system."""

    prompt: Prompt
    response: str
    system: str

    def as_json(self) -> Json:
        return {**self.prompt.as_json(), "completion": self.response, "system": self.system}

    @classmethod
    def from_json(cls, line: Json) -> Self:
        return cls(
            prompt=Prompt.from_json(line),
            response=read_text(line, "completion"),
            system=read_text(line, "system"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PooledResponse:
    """One sample of a policy.

    logprob: natural log-probability of the sampled tokens given the prompt, summed, end of sequence included.
    finished: the policy ended the sequence itself; False where the token limit cut it off.
    closest_language: the most likely among the languages in use; detected_language: among all that the
    identifier knows. Both are BCP 47 tags, or "" where the text is empty.
    """

    text: str
    logprob: float
    num_tokens: int
    finished: bool
    closest_language: str = ""
    detected_language: str = ""

    def as_json(self) -> Json:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptPool:
    """What a policy wrote for one prompt.

    `unaligned` is drawn first and is no candidate: it is the other side of every comparison, fixed before
    anything is scored. `candidates` are what best-of-n chooses from.
    """

    prompt: Prompt
    unaligned: PooledResponse
    candidates: tuple[PooledResponse, ...]

    def as_json(self) -> Json:
        return {
            **self.prompt.as_json(),
            "unaligned": self.unaligned.as_json(),
            "candidates": [response.as_json() for response in self.candidates],
        }

    @classmethod
    def from_json(cls, line: Json) -> Self:
        return cls(
            prompt=Prompt.from_json(line),
            unaligned=PooledResponse(**line["unaligned"]),
            candidates=tuple(PooledResponse(**candidate) for candidate in line["candidates"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptRewards:
    """The rewards of one prompt's pool, in the pool's order."""

    prompt_key: str
    unaligned: float
    candidates: tuple[float, ...]

    def as_json(self) -> Json:
        return {
            "prompt_key": self.prompt_key,
            "unaligned": self.unaligned,
            "candidates": list(self.candidates),
        }

    @classmethod
    def from_json(cls, line: Json) -> Self:
        return cls(
            prompt_key=line["prompt_key"],
            unaligned=line["unaligned"],
            candidates=tuple(line["candidates"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Best-of-n for one prompt: the chosen candidate beside the unaligned response.

    index: position of `best` among the candidates; n: how many there were to choose from.
    """

    prompt: Prompt
    best: PooledResponse
    unaligned: PooledResponse
    index: int
    n: int
    best_reward: float
    unaligned_reward: float

    def as_json(self) -> Json:
        return {
            **self.prompt.as_json(),
            "best": self.best.as_json(),
            "unaligned": self.unaligned.as_json(),
            "index": self.index,
            "n": self.n,
            "best_reward": self.best_reward,
            "unaligned_reward": self.unaligned_reward,
        }

    @classmethod
    def from_json(cls, line: Json) -> Self:
        rest = {name: line[name] for name in ("index", "n", "best_reward", "unaligned_reward")}
        return cls(
            prompt=Prompt.from_json(line),
            best=PooledResponse(**line["best"]),
            unaligned=PooledResponse(**line["unaligned"]),
            **rest,
        )


def read_text(line: Json, name: str, default: str | None = None) -> str:
    """A field of a line. default: for a line without it, which may then be empty, too."""
    value = line.get(name, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise AlignmentError(f'"{name}" must be a text that is not empty.')
    return _storable(value, name)


def _storable(value: str, name: str) -> str:
    """Refuse the two kinds of characters that UTF-8 files or databases do not hold."""
    if "\0" in value:
        raise AlignmentError(f'"{name}" holds the character NUL (\\u0000); take it out.')
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise AlignmentError(f'"{name}" holds half a character (a lone surrogate); take it out.') from error
    return value


def _read_prompt(value: object) -> str | tuple[Message, ...]:
    if isinstance(value, str):
        return _storable(value, "prompt")
    if not isinstance(value, list) or not value:
        raise AlignmentError('"prompt" must be a text or a list of {"role", "content"} messages.')
    return tuple(_read_message(turn) for turn in value)


def _read_message(turn: object) -> Message:
    match turn:
        case {"role": str(role), "content": str(content)} if role in ROLES:
            return Message(role=role, content=_storable(content, "content"))
    raise AlignmentError(f'Each message needs "content" and a "role" out of {", ".join(ROLES)}.')


def _prompt_json(text: str | tuple[Message, ...]) -> str | list[Json]:
    if isinstance(text, str):
        return text
    return [{"role": turn.role, "content": turn.content} for turn in text]
