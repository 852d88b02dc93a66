"""Imported lines become prompts and responses, each once, however often they come."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from django.db import models

from alignment import records
from alignment.data.formats.format import Record
from alignment.digests import text_digest
from annotate.errors import UnknownNameError
from annotate.models import Prompt, PromptSet, Response, System
from annotate.services.languages import ensure_language

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row", bound=models.Model)
ROWS_AT_ONCE = 500


class Placed(NamedTuple):
    """A record with the rows that its own belong to; responses: the system and digest of each."""

    number: int
    record: Record
    prompt_set: PromptSet
    prompt_key: str
    responses: tuple[tuple[int, str], ...]


class Written(NamedTuple):
    """A record whose prompt and responses are rows now; is_new: this line was the first to bring one."""

    placed: Placed
    prompt_id: int
    response_ids: tuple[int, ...]
    is_new: bool


class Ensured(NamedTuple, Generic[Key]):
    """The primary key of every row by its natural key, and those that were not there before."""

    pks: dict[Key, int]
    fresh: set[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Prompt sets and systems of one batch, made where they are missing."""

    task: str
    licence: str
    sets: dict[tuple[str, str, str], PromptSet] = field(default_factory=dict)
    systems: dict[tuple[str, str], System] = field(default_factory=dict)

    def place(self, number: int, record: Record) -> Placed:
        """Raises UnknownNameError for a language that nobody knows or a name that is too long."""
        prompt = prompt_of(record)
        prompt_set = self._prompt_set(prompt)
        responses = tuple((self._system(record, prompt).pk, text_digest(text)) for text in texts_of(record))
        return Placed(number, record, prompt_set, prompt.key, responses)

    def hold(self) -> None:
        """Keep other imports of the same sets waiting until the transaction ends."""
        pks = [prompt_set.pk for prompt_set in self.sets.values()]
        list(PromptSet.objects.select_for_update().filter(pk__in=pks).order_by("pk"))

    def _prompt_set(self, prompt: records.Prompt) -> PromptSet:
        name = (prompt.dataset, prompt.language, prompt.split)
        if name not in self.sets:
            _check_length(prompt.dataset, PromptSet.dataset.field.max_length)
            self.sets[name], _ = PromptSet.objects.get_or_create(
                task=self.task,
                dataset=prompt.dataset,
                language=ensure_language(prompt.language),
                split=prompt.split,
                defaults={"licence": self.licence},
            )
        return self.sets[name]

    def _system(self, record: Record, prompt: records.Prompt) -> System:
        name = getattr(record, "system", "") or imported_name(prompt.dataset)
        if (name, prompt.language) not in self.systems:
            _check_length(name, System.name.field.max_length)
            self.systems[name, prompt.language], _ = System.objects.get_or_create(
                kind=System.Kind.IMPORTED, name=name, language_id=prompt.language
            )
        return self.systems[name, prompt.language]


def imported_name(dataset: str) -> str:
    """Names the system, and the study, of a data set whose lines name none."""
    return f"imported: {dataset}"


def prompt_of(record: Record) -> records.Prompt:
    """The prompt that a record is, or has."""
    return record if isinstance(record, records.Prompt) else record.prompt


def texts_of(record: Record) -> tuple[str, ...]:
    """The responses of a record: (chosen, rejected), or the only one, or none."""
    match record:
        case records.Preference(chosen=chosen, rejected=rejected):
            return chosen, rejected
        case records.Rating(response=response) | records.SystemResponse(response=response):
            return (response,)
    return ()


def write_rows(lines: Sequence[Placed]) -> list[Written]:
    """Make the prompts and responses that are missing."""
    prompts = _write_prompts(lines)
    prompt_ids = {line.number: prompts.pks[line.prompt_set.pk, line.prompt_key] for line in lines}
    responses = _write_responses(lines, prompt_ids)
    written = []
    for line in lines:
        prompt_id = prompt_ids[line.number]
        response_ids = tuple(responses.pks[prompt_id, *response] for response in line.responses)
        is_new = prompt_id in prompts.fresh or not responses.fresh.isdisjoint(response_ids)
        prompts.fresh.discard(prompt_id)
        responses.fresh.difference_update(response_ids)
        written.append(Written(line, prompt_id, response_ids, is_new))
    return written


def _write_prompts(lines: Sequence[Placed]) -> Ensured[tuple[int, str]]:
    wanted = {(line.prompt_set.pk, line.prompt_key): _prompt(line) for line in lines}
    found = Prompt.objects.filter(
        prompt_set__in={prompt_set for prompt_set, _ in wanted}, key__in={key for _, key in wanted}
    )
    rows = found.values_list("prompt_set", "key", "pk")
    return _ensure(Prompt, wanted, {(prompt_set, key): pk for prompt_set, key, pk in rows})


def _write_responses(lines: Sequence[Placed], prompt_ids: Mapping[int, int]) -> Ensured[tuple[int, int, str]]:
    wanted = {
        (prompt_ids[line.number], system_id, digest): Response(
            prompt_id=prompt_ids[line.number], system_id=system_id, text=text, digest=digest
        )
        for line in lines
        for (system_id, digest), text in zip(line.responses, texts_of(line.record), strict=True)
    }
    found = Response.objects.filter(
        prompt__in={prompt for prompt, _, _ in wanted},
        system__in={system for _, system, _ in wanted},
        digest__in={digest for _, _, digest in wanted},
    )
    rows = found.values_list("prompt", "system", "digest", "pk")
    return _ensure(Response, wanted, {(prompt, system, digest): pk for prompt, system, digest, pk in rows})


def _ensure(model: type[Row], wanted: Mapping[Key, Row], known: Mapping[Key, int]) -> Ensured[Key]:
    missing = {key: row for key, row in wanted.items() if key not in known}
    model._default_manager.bulk_create(missing.values(), batch_size=ROWS_AT_ONCE)
    fresh = {key: row.pk for key, row in missing.items()}
    return Ensured({**known, **fresh}, set(fresh.values()))


def _prompt(line: Placed) -> Prompt:
    content = prompt_of(line.record).as_json()["prompt"]
    text, messages = (content, []) if isinstance(content, str) else ("", content)
    return Prompt(prompt_set=line.prompt_set, text=text, messages=messages, key=line.prompt_key)


def _check_length(name: str, longest: int | None) -> None:
    if longest is not None and len(name) > longest:
        raise UnknownNameError(f'"{name[:20]}…" is too long for a name; {longest} characters are allowed.')
