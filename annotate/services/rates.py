"""How fast runs were done here: measured on attempts that succeeded, to estimate those to come."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from django.db.models import F, Prefetch, Window
from django.db.models.functions import RowNumber

from annotate.models import Attempt, Run

NEWEST = 40  # attempts of each kind; older ones tell of older code and machines
CPU_NAME = "the CPU"
LONG_FIELDS = ("metrics", "samples", "notes", "command", "result", "error")


class Estimate(NamedTuple):
    """seconds: of one worker; basis: a sentence about what they rest on."""

    seconds: float
    num_attempts: int
    basis: str


class Measured(NamedTuple):
    """What an attempt took for one unit of its run. model: policy or backbone; device: "" for the CPU."""

    kind: str
    model: str
    device: str
    seconds_per_unit: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Attempts, the newest first."""

    attempts: tuple[Measured, ...]

    def estimate(
        self, kind: str, units: int, *, model: str = "", device: str | None = None
    ) -> Estimate | None:
        """The median rate of attempts of that kind, with the same model and on the same device if possible.

        units: as `Run.num_units` counts them. device: None for that of the newest attempt. None where
        nothing was measured, or the number of units is not known.
        """
        of_kind = [one for one in self.attempts if one.kind == kind]
        if not of_kind or units < 1:
            return None
        chosen, is_same = _narrow(of_kind, lambda one: one.model == model)
        wanted = chosen[0].device if device is None else device
        chosen, _ = _narrow(chosen, lambda one: one.device == wanted)
        return Estimate(
            units * median(one.seconds_per_unit for one in chosen),
            len(chosen),
            _basis(chosen, "the same model" if is_same or not model else "another model"),
        )


def measured() -> Rates:
    """What the newest attempts of each kind took; two queries, however many runs there are."""
    rank = Window(RowNumber(), partition_by=F("run__kind"), order_by=F("pk").desc())
    parents = Prefetch("run__parents", Run.objects.only("kind", "config"))
    counted = Attempt.objects.filter(outcome=Attempt.Outcome.SUCCEEDED, run__num_units__gt=0)
    # Ranked first and read whole afterwards: whole runs do not fit the memory of a sort.
    newest = counted.annotate(rank=rank).filter(rank__lte=NEWEST).values("pk")
    succeeded = (
        Attempt.objects.filter(pk__in=newest)
        .select_related("run")
        .defer(*(f"run__{name}" for name in LONG_FIELDS))
        .prefetch_related(parents)
        .order_by("-pk")
    )
    return Rates(tuple(_measure(attempt) for attempt in succeeded))


def estimate(kind: str, units: int, *, model: str = "", device: str | None = None) -> Estimate | None:
    """One estimate; take `measured` for several."""
    return measured().estimate(kind, units, model=model, device=device)


def model_of(run: Run) -> str:
    """The source of the policy or backbone that does a run's work; "" where none does. Needs its parents."""
    if run.kind == Run.Kind.BEST_OF_N:
        return ""
    name = "policy" if run.kind in (Run.Kind.SFT, Run.Kind.SAMPLE) else "backbone"
    configs = (run.config, *(parent.config for parent in run.parents.all()))
    return next((str(config[name]) for config in configs if name in config), "")


def _measure(attempt: Attempt) -> Measured:
    run = attempt.run
    left = 1 - attempt.done_before / run.total if run.total else 1.0
    took = (attempt.ended_at - attempt.started_at).total_seconds() if attempt.ended_at else 0.0
    per_unit = took / (run.num_units * max(left, 1 / run.num_units))
    return Measured(run.kind, model_of(run), attempt.device, per_unit)


def _narrow(attempts: list[Measured], fits: Callable[[Measured], bool]) -> tuple[list[Measured], bool]:
    """Those that fit, and whether there are any; else all."""
    fitting = [one for one in attempts if fits(one)]
    return fitting or attempts, bool(fitting)


def _basis(attempts: Iterable[Measured], model: str) -> str:
    devices = [one.device or CPU_NAME for one in attempts]
    where = devices[0] if len(set(devices)) == 1 else "several devices"
    number = f"{len(devices)} attempt{'' if len(devices) == 1 else 's'}"
    return f"Measured in {number} with {model} on {where}."
