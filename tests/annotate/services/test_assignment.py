from datetime import timedelta

import pytest

from annotate.errors import AssignmentExpiredError
from annotate.models import Assignment, Study
from annotate.services import assignment as service
from annotate.services.assignment import lease_next, skip
from annotate.services.judging import Answer, record_judgment
from annotate.services.studies import add_comparisons
from annotate.sides import Verdict
from tests.annotate.factories import ComparisonFactory, LanguageFactory, ResponseFactory, StudyFactory

pytestmark = pytest.mark.django_db


def study_with(num_comparisons: int = 1, votes_wanted: int = 1) -> Study:
    study = StudyFactory(votes_wanted=votes_wanted)
    firsts = [ResponseFactory() for _ in range(num_comparisons)]
    add_comparisons(study, [(first, ResponseFactory(prompt=first.prompt)) for first in firsts])
    return study


def test_an_annotator_gets_a_seat_for_the_studys_minutes(ana, now):
    study = study_with()

    seat = lease_next(study, LanguageFactory(tag="es"), ana, now=now)

    assert seat.annotator == ana
    assert seat.lease_ends == now + timedelta(minutes=study.lease_minutes)


def test_asking_again_gives_the_same_seat_with_a_longer_lease(ana, now):
    study, spanish = study_with(num_comparisons=2), LanguageFactory(tag="es")
    first = lease_next(study, spanish, ana, now=now)

    again = lease_next(study, spanish, ana, now=now + timedelta(minutes=5))

    assert again == first
    assert again.lease_ends > first.lease_ends


def test_two_annotators_never_share_a_seat(ana, luis, now):
    study, spanish = study_with(), LanguageFactory(tag="es")

    assert lease_next(study, spanish, ana, now=now) is not None
    assert lease_next(study, spanish, luis, now=now) is None


def test_a_rival_between_read_and_write_does_not_get_the_same_seat(ana, luis, now, monkeypatch):
    study, spanish = study_with(), LanguageFactory(tag="es")
    read_seats = service._open_seats

    def read_then_lose(*names):
        seats = read_seats(*names)
        monkeypatch.setattr(service, "_open_seats", read_seats)
        assert lease_next(study, spanish, luis, now=now) is not None
        return seats

    monkeypatch.setattr(service, "_open_seats", read_then_lose)

    assert lease_next(study, spanish, ana, now=now) is None
    assert Assignment.objects.get().annotator == luis


def test_a_second_tab_that_takes_another_seat_of_the_comparison_gets_the_first_one(ana, now, monkeypatch):
    study, spanish = study_with(votes_wanted=2), LanguageFactory(tag="es")
    read_seats = service._open_seats

    def read_then_lose(*names):
        seats = read_seats(*names)
        monkeypatch.setattr(service, "_open_seats", read_seats)
        lease_next(study, spanish, ana, now=now)
        return list(reversed(seats))

    monkeypatch.setattr(service, "_open_seats", read_then_lose)

    assert lease_next(study, spanish, ana, now=now) is not None
    assert Assignment.objects.filter(annotator=ana).count() == 1


def test_nobody_judges_a_comparison_twice(ana, now):
    study, spanish = study_with(votes_wanted=2), LanguageFactory(tag="es")
    seat = lease_next(study, spanish, ana, now=now)
    record_judgment(seat, ana, Answer(verdict=Verdict.TIE), now=now)

    assert lease_next(study, spanish, ana, now=now) is None


def test_no_comparison_gets_more_seats_than_votes_wanted(ana, luis, now):
    study = study_with(votes_wanted=3)

    assert study.comparisons.get().assignments.count() == 3


def test_a_lease_that_ended_goes_to_the_next_annotator(ana, luis, now):
    study, spanish = study_with(), LanguageFactory(tag="es")
    lease_next(study, spanish, ana, now=now)
    later = now + timedelta(minutes=study.lease_minutes)

    seat = lease_next(study, spanish, luis, now=later)

    assert seat.annotator == luis


def test_a_running_lease_stays(ana, luis, now):
    study, spanish = study_with(), LanguageFactory(tag="es")
    lease_next(study, spanish, ana, now=now)
    before = now + timedelta(minutes=study.lease_minutes, seconds=-1)

    assert lease_next(study, spanish, luis, now=before) is None


def test_a_skipped_comparison_waits_for_somebody_else(ana, luis, now):
    study, spanish = study_with(), LanguageFactory(tag="es")
    seat = lease_next(study, spanish, ana, now=now)

    skip(seat, ana, now=now)

    assert lease_next(study, spanish, ana, now=now) is None
    assert lease_next(study, spanish, luis, now=now).comparison == seat.comparison


def test_a_seat_that_was_lost_cannot_be_skipped(ana, luis, now):
    study, spanish = study_with(), LanguageFactory(tag="es")
    seat = lease_next(study, spanish, ana, now=now)
    lease_next(study, spanish, luis, now=now + timedelta(hours=1))

    with pytest.raises(AssignmentExpiredError):
        skip(seat, ana, now=now + timedelta(hours=1))
    assert Assignment.objects.count() == 1


def test_a_closed_study_gives_no_seats(ana, now):
    study = study_with()
    Study.objects.update(status=Study.Status.CLOSED)

    assert lease_next(study, LanguageFactory(tag="es"), ana, now=now) is None


def test_only_comparisons_in_the_language_are_given(ana, now):
    study = study_with()

    assert lease_next(study, LanguageFactory(tag="tr"), ana, now=now) is None


def test_comparisons_are_served_in_the_studys_random_order(ana, now):
    study, spanish = study_with(num_comparisons=5), LanguageFactory(tag="es")
    served = []
    while seat := lease_next(study, spanish, ana, now=now):
        served.append(seat.comparison)
        record_judgment(seat, ana, Answer(verdict=Verdict.LEFT), now=now)

    assert served == list(study.comparisons.order_by("position"))
    assert served != list(study.comparisons.order_by("pk"))


def test_the_sides_alternate_between_the_seats_of_a_comparison():
    study = study_with(votes_wanted=4)

    shown = list(Assignment.objects.order_by("pk").values_list("swapped", flat=True))

    assert study.comparisons.count() == 1
    assert shown in ([True, False, True, False], [False, True, False, True])


def test_a_free_seat_has_no_annotator(ana):
    from django.db import IntegrityError

    comparison = ComparisonFactory()
    with pytest.raises(IntegrityError, match="free_seat_has_nobody"):
        Assignment.objects.create(comparison=comparison, swapped=False, annotator=ana)
