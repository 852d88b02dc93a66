"""Seats: who judges which comparison next, and for how long it stays theirs."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from annotate.errors import AssignmentExpiredError
from annotate.models import Assignment, Language, Study, User


def held_seat(study: Study, language: Language, annotator: User) -> Assignment | None:
    """The seat that the annotator has taken and not yet judged, if any."""
    return (
        Assignment.objects.leased_by(annotator)
        .filter(comparison__study=study, comparison__language=language)
        .select_related("comparison__prompt__prompt_set", "comparison__first", "comparison__second")
        .first()
    )


def lease_next(study: Study, language: Language, annotator: User, *, now: datetime) -> Assignment | None:
    """Give the annotator a seat for some minutes: the one they hold, else the next in the study's order.

    None when nothing is left for this annotator.
    """
    ends = now + timedelta(minutes=study.lease_minutes)
    held = held_seat(study, language, annotator)
    if held and Assignment.objects.leased_by(annotator).filter(pk=held.pk).update(lease_ends=ends):
        held.lease_ends = ends
        return held
    for seat_id in _open_seats(study, language, annotator, now):
        if _try_lease(seat_id, annotator, now=now, ends=ends):
            break
    return held_seat(study, language, annotator)


def skip(assignment: Assignment, annotator: User, *, now: datetime) -> None:
    """Pass the comparison on: this seat is spent, and a new one like it waits for somebody else.

    Raises AssignmentExpiredError if the seat is no longer the annotator's.
    """
    with transaction.atomic():
        left = (
            Assignment.objects.leased_by(annotator)
            .filter(pk=assignment.pk)
            .update(status=Assignment.Status.SKIPPED, ended_at=now)
        )
        if not left:
            raise AssignmentExpiredError("This comparison went to somebody else. Your next one is ready.")
        Assignment.objects.create(comparison_id=assignment.comparison_id, swapped=assignment.swapped)


def _open_seats(study: Study, language: Language, annotator: User, now: datetime) -> list[int]:
    """The first few leasable seats of comparisons that the annotator has no seat in."""
    mine = Assignment.objects.filter(annotator=annotator, comparison__study=study).values("comparison")
    return list(
        Assignment.objects.leasable(now)
        .filter(comparison__study=study, comparison__language=language)
        .exclude(comparison__in=mine)
        .order_by("comparison__position", "pk")
        .values_list("pk", flat=True)[:50]
    )


def _try_lease(seat_id: int, annotator: User, *, now: datetime, ends: datetime) -> bool:
    """False if somebody was first: another annotator, or the same one in a second tab."""
    try:
        with transaction.atomic():
            return Assignment.objects.lease(seat_id, annotator, now=now, ends=ends)
    except IntegrityError:
        return False
