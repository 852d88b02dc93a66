"""How long work reports where it stands, and how it is told to stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One report of a running piece of work.

    done and total count `unit` (prompts, steps); metrics are the newest values of named curves;
    text is one line worth showing, such as a response just sampled;
    note: one sentence about something decided on the way, worth keeping with the run.
    """

    done: int
    total: int
    unit: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    text: str = ""
    note: str = ""


Progress = Callable[[Step], None]
"""Called after each unit of work. It may raise to stop the work; whoever reports lets that pass."""


def silent(step: Step) -> None:
    """Ignore a report."""
