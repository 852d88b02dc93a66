"""How much room a plan takes, measured on the artifacts of past runs, and whether there is so much."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from django.conf import settings
from django.db.models import F, Prefetch, Window
from django.db.models.functions import RowNumber
from django.template.defaultfilters import filesizeformat

from annotate.models import Artifact, Run
from annotate.needs import FROZEN
from annotate.planning import PlannedRun
from annotate.services.checkpoints import num_bytes
from annotate.services.rates import model_of

NEWEST = 20  # artifacts of each kind
WHOLE_MODELS = (Run.Kind.REWARD_MODEL, Run.Kind.SFT)  # as large as what they began as, whatever they read


class Sized(NamedTuple):
    """What a past run left behind."""

    kind: str
    model: str
    num_bytes: int
    num_units: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """Room in bytes. by_kind: of all artifacts of a kind, None where nothing was measured yet;
    largest: of one artifact; free: where artifacts lie; free_for_runs: where runs work before that.
    """

    by_kind: Mapping[str, int | None]
    largest: int
    free: int
    free_for_runs: int

    @property
    def num_bytes(self) -> int:
        """Of everything that can be estimated."""
        return sum(known for known in self.by_kind.values() if known)

    def refusals(self) -> Iterator[str]:
        """What is short of room."""
        for wanted, free, place, name in (
            (self.num_bytes, self.free, settings.ARTIFACTS, "POLYREWARD_ARTIFACTS"),
            (self.largest, self.free_for_runs, settings.RUNS, "POLYREWARD_RUNS"),
        ):
            if wanted > free:
                yield (
                    f"There is not enough disk space: about {filesizeformat(wanted)} is needed in {place}, "
                    f"where {filesizeformat(free)} is free; free some, or name another place in {name}."
                )


def disk_for(planned: Sequence[PlannedRun]) -> Disk:
    """What doing these runs would write."""
    past = _past()
    sizes = [(run, _estimate(run, past)) for run in planned]
    return Disk(
        by_kind={kind: _total(kind, sizes) for kind in dict.fromkeys(run.kind for run in planned)},
        largest=max((size or 0 for _, size in sizes), default=0),
        free=shutil.disk_usage(Path(settings.ARTIFACTS)).free,
        free_for_runs=shutil.disk_usage(Path(settings.RUNS)).free,
    )


def _total(kind: str, sizes: Sequence[tuple[PlannedRun, int | None]]) -> int | None:
    """The store keeps equal files once, so reward models on one frozen backbone share it."""
    of_kind = [(run, size) for run, size in sizes if run.kind == kind]
    if any(size is None for _, size in of_kind):
        return None
    shared = [size or 0 for run, size in of_kind if _shares_its_model(run)]
    own = [size or 0 for run, size in of_kind if not _shares_its_model(run)]
    return max(shared, default=0) + sum(own)


def _shares_its_model(run: PlannedRun) -> bool:
    return run.kind == Run.Kind.REWARD_MODEL and run.config["method"] == FROZEN


def _estimate(run: PlannedRun, past: Sequence[Sized]) -> int | None:
    """None where neither an artifact of this kind nor the model's own files are there to be measured."""
    alike = [one for one in past if one.kind == run.kind]
    if run.kind in WHOLE_MODELS:
        same_model = [one.num_bytes for one in alike if one.model == run.model]
        return round(median(same_model)) if same_model else num_bytes(run.model) or None
    per_unit = [one.num_bytes / one.num_units for one in alike if one.num_units]
    return round(median(per_unit) * run.num_units) if per_unit else None


def _past() -> list[Sized]:
    rank = Window(RowNumber(), partition_by=F("run__kind"), order_by=F("pk").desc())
    parents = Prefetch("run__parents", Run.objects.only("kind", "config"))
    newest = Artifact.objects.annotate(rank=rank).filter(rank__lte=NEWEST).select_related("run")
    return [
        Sized(artifact.run.kind, model_of(artifact.run), artifact.num_bytes, artifact.run.num_units)
        for artifact in newest.prefetch_related(parents)
    ]
