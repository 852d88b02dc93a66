"""How far an annotator has come in each study, counted from the seats."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q

from annotate.models import Assignment, Comparison, Language, Study, User


class StudyProgress(NamedTuple):
    """A study in one of the annotator's languages.

    num_judged: comparisons that they have judged; num_open: those they could judge now; num_comparisons:
    all that people are asked about.
    """

    study: Study
    language: Language
    num_judged: int
    num_open: int
    num_comparisons: int

    @property
    def percent(self) -> int:
        """The annotator's share of what they have judged or could judge, from 0 to 100."""
        return 100 * self.num_judged // max(self.num_judged + self.num_open, 1)


def studies_for(annotator: User, *, now: datetime) -> list[StudyProgress]:
    """Open studies in the languages that the annotator is proficient in, and closed ones they worked on."""
    pairs = (
        Comparison.objects.filter(
            ~Q(study__purpose=Study.Purpose.IMPORTED),
            Q(study__status=Study.Status.OPEN) | Q(assignments__annotator=annotator),
            language__in=annotator.languages.all(),
            identical=False,
        )
        .order_by("study", "language")
        .values_list("study", "language")
        .distinct()
    )
    studies = Study.objects.in_bulk([study for study, _ in pairs])
    languages = Language.objects.in_bulk([language for _, language in pairs])
    return [progress_in(studies[study], languages[tag], annotator, now=now) for study, tag in pairs]


def progress_in(study: Study, language: Language, annotator: User, *, now: datetime) -> StudyProgress:
    """The annotator's progress in one study and language."""
    mine = Assignment.objects.filter(comparison=OuterRef("pk"), annotator=annotator)
    free = Assignment.objects.leasable(now).filter(comparison=OuterRef("pk"))
    held = mine.filter(status=Assignment.Status.LEASED, comparison__study__status=Study.Status.OPEN)
    counts = study.comparisons.filter(language=language, identical=False).aggregate(
        num_judged=Count("pk", filter=Exists(mine.filter(status=Assignment.Status.JUDGED))),
        num_open=Count("pk", filter=Exists(held) | (Exists(free) & ~Exists(mine))),
        num_comparisons=Count("pk"),
    )
    return StudyProgress(study, language, **counts)
