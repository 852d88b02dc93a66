"""Verdicts: stored once, while the seat is the annotator's; a correction is a new row."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from annotate.errors import AlreadyJudgedError, AssignmentExpiredError
from annotate.models import Assignment, Judge, Judgment, Language, Study, User
from annotate.sides import Points, Verdict, points_of

EXPIRED = "This comparison went to somebody else while you were away. Your next one is ready."
CHANGED = "You have already judged this comparison. Choose Undo to change your verdict."
REPLACED = "This verdict was changed already. Reload the page to see the newest one."


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the annotator sent: the verdict, and how long they looked (seconds, None if unknown)."""

    verdict: Verdict
    seconds: float | None = None
    rationale: str = ""


@transaction.atomic
def record_judgment(assignment: Assignment, annotator: User, answer: Answer, *, now: datetime) -> Judgment:
    """Store a verdict, once. A late one counts as long as nobody else has taken the seat.

    The same answer sent twice stores one judgment and returns it. Raises AssignmentExpiredError when
    the seat is somebody else's, AlreadyJudgedError when another verdict was stored before.
    """
    won = (
        Assignment.objects.leased_by(annotator)
        .filter(pk=assignment.pk)
        .update(status=Assignment.Status.JUDGED, ended_at=now)
    )
    if not won:
        return _sent_before(assignment, annotator, answer)
    return _store(assignment, annotator, answer, now=now, replaces=None)


def revise_judgment(judgment: Judgment, annotator: User, answer: Answer, *, now: datetime) -> Judgment:
    """Replace the annotator's own verdict by a new row; the old one stays as history.

    Raises AssignmentExpiredError when it is not theirs, AlreadyJudgedError when it was replaced before.
    """
    assignment = judgment.assignment
    if assignment is None or assignment.annotator_id != annotator.pk:
        raise AssignmentExpiredError("This verdict is not yours to change.")
    try:
        with transaction.atomic():
            return _store(assignment, annotator, answer, now=now, replaces=judgment)
    except IntegrityError as error:
        raise AlreadyJudgedError(REPLACED) from error


def last_judgment(
    study: Study, language: Language, annotator: User, *, before: int | None = None
) -> Judgment | None:
    """The annotator's newest standing verdict in a study, or the newest older than the judgment `before`."""
    mine = Judgment.objects.standing().filter(
        judge__user=annotator, comparison__study=study, comparison__language=language
    )
    if before is not None:
        mine = mine.filter(pk__lt=before)
    return mine.order_by("-pk").first()


def judge_of(user: User) -> Judge:
    """The judge that a person is."""
    judge, _ = Judge.objects.get_or_create(
        user=user, defaults={"kind": Judge.Kind.PERSON, "name": user.get_username()}
    )
    return judge


def _sent_before(assignment: Assignment, annotator: User, answer: Answer) -> Judgment:
    before = (
        Judgment.objects.standing()
        .filter(assignment=assignment, assignment__annotator=annotator, judge__user=annotator)
        .first()
    )
    if before is None:
        raise AssignmentExpiredError(EXPIRED)
    points = points_of(answer.verdict, swapped=assignment.swapped)
    if Points(before.points or 0, before.both_bad) != points:
        raise AlreadyJudgedError(CHANGED)
    return before


def _store(
    assignment: Assignment, annotator: User, answer: Answer, *, now: datetime, replaces: Judgment | None
) -> Judgment:
    points = points_of(answer.verdict, swapped=assignment.swapped)
    return Judgment.objects.create(
        judge=judge_of(annotator),
        comparison_id=assignment.comparison_id,
        assignment=assignment,
        points=points.points,
        both_bad=points.both_bad,
        seconds=answer.seconds,
        rationale=answer.rationale,
        swapped=assignment.swapped,
        replaces=replaces,
        created_at=now,
    )
