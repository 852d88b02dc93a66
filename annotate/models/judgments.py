"""Judges and their verdicts."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotate.models.studies import Assignment, Comparison


class Judge(models.Model):
    """Whoever gives verdicts: a person, an imported data set, or the rule that equal texts are a tie."""

    class Kind(models.TextChoices):
        PERSON = "person"
        DATASET = "dataset", "imported data set"
        RULE = "rule"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=160)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="judge"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="judge_name_once", fields=["kind", "name"]),
            models.CheckConstraint(
                name="person_judge_has_user",
                condition=Q(kind="person", user__isnull=False) | ~Q(kind="person") & Q(user=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    """Named sets of judgments."""

    def standing(self) -> Self:
        """Those that no later verdict of the same judge replaces."""
        return self.filter(replaced_by=None)


class Judgment(models.Model):
    """One judge's verdict on one comparison. Evidence: a correction is a new row that replaces this one.

    points: half-points to the first response (2 it is better, 1 tie, 0 the second is better).
    swapped: the second response stood on the left; None where nobody looked.
    """

    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="judgments")
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="judgments")
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, blank=True, related_name="judgments"
    )
    points = models.PositiveSmallIntegerField(null=True, blank=True)
    probability = models.FloatField(null=True, blank=True, help_text="a machine's, that the first is better")
    both_bad = models.BooleanField(default=False)
    strength = models.PositiveSmallIntegerField(null=True, blank=True)
    criteria = models.JSONField(default=dict, blank=True)
    rationale = models.TextField(blank=True)
    seconds = models.FloatField(null=True, blank=True)
    swapped = models.BooleanField(null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    created_at = models.DateTimeField()

    objects = JudgmentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(name="judgment_by_time", fields=["created_at"])]
        constraints = [
            models.UniqueConstraint(
                name="judge_judges_once", fields=["judge", "comparison"], condition=Q(replaces=None)
            ),
            models.CheckConstraint(
                name="points_or_probability",
                condition=Q(points__in=[0, 1, 2], probability=None)
                | Q(points=None, probability__gte=0, probability__lte=1),
            ),
            models.CheckConstraint(name="both_bad_is_a_tie", condition=Q(both_bad=False) | Q(points=1)),
        ]

    def __str__(self) -> str:
        return f"{self.judge}: {self.points if self.probability is None else self.probability}"
