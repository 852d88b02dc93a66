"""Whether there is newer evidence to learn from: if not, what was counted before is still right."""

import pickle
import zlib
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import connection
from django.db.models import Max

from alignment.digests import text_digest
from annotate.models import Judgment, PromptSet, Study
from annotate.version import code_version

T = TypeVar("T")


def remembered(compute: Callable[[], T], *key: Hashable) -> T:
    """What `compute` gives, worked out once for all processes of this machine.

    key: everything that the outcome depends on, the newest evidence included; its `repr` must tell it apart.
    Other code may count otherwise, and does not read what this code has written.
    """
    name = text_digest(str(connection.settings_dict["NAME"]), code_version(), *map(repr, key))
    known: T | None = _read(name)
    if known is None:
        known = compute()
        with suppress(OSError):  # a full disk
            cache.set(name, known, timeout=None)
    return known


def _read(name: str) -> Any:
    """None where nothing is known, or a crash left half a file."""
    with suppress(OSError, EOFError, zlib.error, pickle.UnpicklingError):
        return cache.get(name)
    return None


def forget() -> None:
    """Work everything out anew: after rows were taken away, as only tests and a restored backup do."""
    cache.clear()


def newest() -> Hashable | None:
    """Equal as long as prompts, imports and collected verdicts are the same. None where nobody knows.

    Verdicts on experiments, which come all day long, make no difference: nothing learns from them.
    """
    sets = tuple(PromptSet.objects.order_by("pk").values_list("pk", "changed_at"))
    if any(changed_at is None for _, changed_at in sets):
        return None
    return sets, _newest_collected()


def _newest_collected() -> int | None:
    """By the studies, which are few: a million judgments are not looked through for this."""
    studies = list(Study.objects.filter(purpose=Study.Purpose.COLLECT).values_list("pk", flat=True))
    if not studies:
        return None
    collected = Judgment.objects.filter(comparison__study__in=studies)
    highest: int | None = collected.aggregate(highest=Max("pk"))["highest"]
    return highest
