"""Reading the audit trail: what was asked for, newest first, a page at a time, however long it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from annotate.models import AuditEntry, User

AT_ONCE = 50
CHUNK = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which entries; what is None or "" does not matter. Both days belong to what is wanted, in UTC."""

    actor: User | None = None
    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    first_day: date | None = None
    last_day: date | None = None


class Cursor(NamedTuple):
    """The last entry that was shown. Numbered pages would have to count all that came before."""

    created_at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()}_{self.pk}"


class Page(NamedTuple):
    """Some entries, and where the older ones begin (None: there are none)."""

    entries: list[AuditEntry]
    older: Cursor | None


def read_cursor(text: str) -> Cursor | None:
    """None for what is no cursor: then the page begins with the newest."""
    moment, _, pk = text.rpartition("_")
    try:
        cursor = Cursor(datetime.fromisoformat(moment), int(pk))
        cursor.created_at.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter of a moment that has no place in UTC
        return None
    return cursor if cursor.created_at.tzinfo and 0 <= cursor.pk < 2**63 else None


def page_of(wanted: Wanted, before: Cursor | None) -> Page:
    """The next entries after a cursor."""
    entries = matching(wanted)
    if before is not None:
        tie = Q(created_at=before.created_at, pk__lt=before.pk)
        # The first condition follows from the second, and is the one that an index can begin with.
        entries = entries.filter(Q(created_at__lt=before.created_at) | tie, created_at__lte=before.created_at)
    shown = list(entries[: AT_ONCE + 1])
    more = len(shown) > AT_ONCE
    last = shown[AT_ONCE - 1] if more else None
    return Page(shown[:AT_ONCE], Cursor(last.created_at, last.pk) if last else None)


def matching(wanted: Wanted) -> QuerySet[AuditEntry]:
    """Newest first."""
    said = {
        "actor": wanted.actor,
        "action": wanted.action,
        "subject_kind": wanted.subject_kind,
        "subject_id": wanted.subject_id,
        "created_at__gte": wanted.first_day and datetime.combine(wanted.first_day, time.min, tzinfo=UTC),
        "created_at__lte": wanted.last_day and datetime.combine(wanted.last_day, time.max, tzinfo=UTC),
    }
    asked = {name: value for name, value in said.items() if value}
    return AuditEntry.objects.filter(**asked).select_related("actor").order_by("-created_at", "-pk")


def rows(wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Everything that is wanted, for a file."""
    for entry in matching(wanted).iterator(CHUNK):
        yield {
            "at": entry.created_at.isoformat(),
            "who": entry.actor.username if entry.actor else "",
            "action": entry.action,
            "subject_kind": entry.subject_kind,
            "subject_id": entry.subject_id,
            "subject": entry.subject,
            "detail": entry.detail or "",
        }
