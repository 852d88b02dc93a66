from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from annotate.errors import AlreadyJudgedError, AssignmentExpiredError
from annotate.models import Judgment
from annotate.services.assignment import lease_next
from annotate.services.judging import Answer, last_judgment, record_judgment, revise_judgment
from annotate.sides import Verdict
from tests.annotate.factories import AssignmentFactory, LanguageFactory, StudyFactory

pytestmark = pytest.mark.django_db
LEFT, RIGHT, TIE, BOTH_BAD = (Answer(verdict=verdict, seconds=3.5) for verdict in Verdict)


@pytest.fixture
def seat(ana, now):
    free = AssignmentFactory(swapped=True)
    return lease_next(free.comparison.study, LanguageFactory(tag="es"), ana, now=now)


def test_a_verdict_is_stored_for_the_pair_with_the_order_shown(seat, ana, now):
    judgment = record_judgment(seat, ana, LEFT, now=now)

    assert (judgment.points, judgment.both_bad, judgment.swapped) == (0, False, True)
    assert (judgment.seconds, judgment.created_at) == (3.5, now)


def test_both_bad_is_a_tie_that_says_so(seat, ana, now):
    judgment = record_judgment(seat, ana, BOTH_BAD, now=now)

    assert (judgment.points, judgment.both_bad) == (1, True)


def test_a_double_click_stores_once(seat, ana, now):
    first = record_judgment(seat, ana, RIGHT, now=now)
    second = record_judgment(seat, ana, RIGHT, now=now)

    assert first == second
    assert Judgment.objects.count() == 1


def test_another_answer_to_the_same_seat_needs_undo(seat, ana, now):
    record_judgment(seat, ana, RIGHT, now=now)

    with pytest.raises(AlreadyJudgedError, match="Undo"):
        record_judgment(seat, ana, LEFT, now=now)
    assert Judgment.objects.get().points == 2


def test_a_late_verdict_counts_while_nobody_has_taken_the_seat(seat, ana, now):
    record_judgment(seat, ana, TIE, now=now + timedelta(hours=5))

    assert Judgment.objects.count() == 1


def test_a_late_verdict_is_refused_when_the_seat_is_somebody_elses(seat, ana, luis, now):
    later = now + timedelta(hours=5)
    lease_next(seat.comparison.study, LanguageFactory(tag="es"), luis, now=later)

    with pytest.raises(AssignmentExpiredError, match="somebody else"):
        record_judgment(seat, ana, TIE, now=later)
    assert not Judgment.objects.exists()


def test_a_seat_of_another_annotator_cannot_be_judged(seat, luis, now):
    with pytest.raises(AssignmentExpiredError):
        record_judgment(seat, luis, TIE, now=now)


def test_a_correction_is_a_new_row(seat, ana, now):
    before = record_judgment(seat, ana, LEFT, now=now)

    after = revise_judgment(before, ana, RIGHT, now=now)

    assert list(Judgment.objects.standing()) == [after]
    assert Judgment.objects.get(pk=before.pk).points == 0


def test_a_verdict_is_replaced_once(seat, ana, now):
    before = record_judgment(seat, ana, LEFT, now=now)
    revise_judgment(before, ana, RIGHT, now=now)

    with pytest.raises(AlreadyJudgedError):
        revise_judgment(before, ana, TIE, now=now)
    assert Judgment.objects.standing().get().points == 2


def test_nobody_corrects_another_annotators_verdict(seat, ana, luis, now):
    before = record_judgment(seat, ana, LEFT, now=now)

    with pytest.raises(AssignmentExpiredError):
        revise_judgment(before, luis, RIGHT, now=now)


def test_undo_goes_from_the_newest_verdict_to_the_one_before(ana, now):
    study, spanish = StudyFactory(), LanguageFactory(tag="es")
    for _ in range(2):
        AssignmentFactory(comparison__study=study)
    older, newer = [
        record_judgment(lease_next(study, spanish, ana, now=now), ana, TIE, now=now) for _ in range(2)
    ]

    assert last_judgment(study, spanish, ana) == newer
    assert last_judgment(study, spanish, ana, before=newer.pk) == older


@pytest.mark.parametrize("change", [{"points": 2}, {"rationale": "better"}])
def test_the_database_refuses_to_edit_a_judgment(seat, ana, now, change):
    judgment = record_judgment(seat, ana, LEFT, now=now)

    with pytest.raises(IntegrityError, match="never edited"), transaction.atomic():
        Judgment.objects.filter(pk=judgment.pk).update(**change)
