"""What a person writes down to describe an experiment: in a form, a file, a preset, or by cloning another."""

from dataclasses import dataclass, fields
from typing import Any, Self

from annotate.models import Experiment, User

METHODS = ("frozen", "lora", "full")


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """The fields of an experiment; languages by tag, sorted. demonstrations: "" for the policy as it is."""

    name: str
    task: str
    feedback: str
    sources: tuple[str, ...]
    prompts: str
    targets: tuple[str, ...]
    demonstrations: str = ""
    policy: str
    backbone: str
    method: str = "frozen"
    n: int = 16
    num_prompts: int = 24
    votes_wanted: int = 1
    half_width: float = 0.1
    seed: int = 0
    priority: int = 0

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """Describe an experiment that was launched."""
        languages: dict[str, Any] = {name: tuple(_tags(experiment, name)) for name in ("sources", "targets")}
        names = [field.name for field in fields(cls) if field.name not in languages]
        return cls(**{name: getattr(experiment, name) for name in names}, **languages)

    def experiment(self, created_by: User) -> Experiment:
        """A row that is not saved; its languages are told to `launch` apart."""
        columns = {
            name: value for name, value in self.as_dict().items() if name not in ("sources", "targets")
        }
        return Experiment(**columns, created_by=created_by)

    def as_dict(self) -> dict[str, Any]:
        """By name, in the order of a file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _tags(experiment: Experiment, name: str) -> list[str]:
    return list(getattr(experiment, name).order_by("tag").values_list("tag", flat=True))
