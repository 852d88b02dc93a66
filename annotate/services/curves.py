"""Curves of a run: growing while it works, rewound where it is resumed, thinned, and read by its page."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Max

from annotate.models import Curve, Run

NAME_LENGTH = 60  # of Curve.name
SIGNIFICANT_DIGITS = 6
NUM_NEWEST = 8  # shown as text


class Point(NamedTuple):
    """A value after so many units of work."""

    step: int
    value: float


class Curves:
    """The curves of a run in the hands of the worker that has it.

    `store` writes what has changed; `settle` is told when that is committed, else it is written again.
    Values that are not finite leave a gap.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._points: dict[str, list[Point]] = {
            curve.name: [*map(Point, curve.steps, curve.values)] for curve in run.curves.all()
        }
        self._furthest = max((points[-1].step for points in self._points.values() if points), default=0)
        self._changed: set[str] = set()

    def add(self, done: int, metrics: Mapping[str, float]) -> None:
        """Append one report. If it lies behind the furthest, the run was resumed: what follows it goes."""
        if not metrics:
            return
        if done < self._furthest:
            self._rewind(done)
        self._furthest = done
        for name, value in metrics.items():
            if math.isfinite(value):
                self._append(name[:NAME_LENGTH], Point(done, float(f"{value:.{SIGNIFICANT_DIGITS}g}")))

    def store(self) -> None:
        """Write the changed curves, in one statement."""
        if not self._changed:
            return
        rows = []
        for name in sorted(self._changed):
            points = self._points[name] = thinned(self._points[name])
            rows.append(
                Curve(
                    run=self._run, name=name, steps=[p.step for p in points], values=[p.value for p in points]
                )
            )
        Curve.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["run", "name"], update_fields=["steps", "values"]
        )

    def settle(self) -> None:
        """What was stored is there to stay."""
        self._changed.clear()

    def _append(self, name: str, point: Point) -> None:
        points = self._points.setdefault(name, [])
        if points and points[-1].step == point.step:
            points.pop()
        points.append(point)
        self._changed.add(name)

    def _rewind(self, done: int) -> None:
        """Drop the points from `done` on, of every curve: those that are logged seldom, too."""
        for name, points in self._points.items():
            if points and points[-1].step >= done:
                del points[bisect_left(points, done, key=lambda point: point.step) :]
                self._changed.add(name)


def thinned(points: Iterable[Point], limit: int = Curve.MAX_POINTS) -> list[Point]:
    """At most `limit` points, evenly spread: whichever stands closest goes first, never the first or last."""
    kept = list(points)
    while len(kept) > limit:
        closest = min(after.step - before.step for before, after in zip(kept, kept[2:], strict=False))
        kept = _without_close(kept, closest, excess=len(kept) - limit)
    return kept


def _without_close(points: list[Point], closest: int, *, excess: int) -> list[Point]:
    """Without up to `excess` inner points whose neighbours would then be no more than `closest` apart."""
    kept = points[:1]
    for point, after in pairwise(points[1:]):
        if excess and after.step - kept[-1].step <= closest:
            excess -= 1
        else:
            kept.append(point)
    return [*kept, points[-1]]


class NewestPoints(NamedTuple):
    """A curve as text: its last points, the newest first."""

    pk: int
    name: str
    newest: list[Point]


def newest_points(run: Run) -> list[NewestPoints]:
    """What a page says of each curve beside its drawing."""
    return [
        NewestPoints(
            curve.pk, curve.name, [*map(Point, curve.steps[-NUM_NEWEST:], curve.values[-NUM_NEWEST:])][::-1]
        )
        for curve in run.curves.all()
        if curve.steps
    ]


def points_since(run: Run, *, since: int, attempt: int) -> dict[str, Any]:
    """The points from `since` on, as JSON: a page asks with its newest step, and with the attempt it saw.

    whole: these are all points, to replace what the page has. So it is as long as the page may hold
    points that the run has redone since, or will: up to where any earlier attempt had come.
    """
    curves = [curve for curve in run.curves.all() if curve.steps]
    redone = run.attempts.aggregate(Max("done_before"))["done_before__max"] or 0
    newest = max((curve.steps[-1] for curve in curves), default=0)
    whole = attempt != run.attempt or since <= redone or since > newest
    return {
        "attempt": run.attempt,
        "unit": run.unit,
        "whole": whole,
        "curves": [_tail(curve, 0 if whole else since) for curve in curves],
    }


def _tail(curve: Curve, since: int) -> dict[str, Any]:
    start = bisect_left(curve.steps, since)
    return {"id": curve.pk, "name": curve.name, "steps": curve.steps[start:], "values": curve.values[start:]}
