"""Studies: comparisons for annotators, and the seats from which they are judged."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from annotate.models.experiments import Experiment
from annotate.models.languages import Language
from annotate.models.prompts import Prompt
from annotate.models.systems import Response


class Study(models.Model):
    """What annotators work on. draft → open ⇄ closed."""

    class Purpose(models.TextChoices):
        COLLECT = "collect", "collect preferences"
        EVALUATE = "evaluate", "evaluate win rates"
        IMPORTED = "imported", "imported preferences"

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        CLOSED = "closed"

    name = models.CharField(max_length=160)
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    task = models.CharField(max_length=40)
    guidelines = models.TextField(blank=True, help_text="shown beside the task's own guidelines")
    votes_wanted = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    lease_minutes = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(240)]
    )
    seed = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=6, choices=Status.choices, default=Status.DRAFT)
    experiment = models.OneToOneField(
        Experiment, on_delete=models.PROTECT, null=True, blank=True, related_name="study"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="purpose_is_known", condition=Q(purpose__in=["collect", "evaluate", "imported"])
            ),
            models.CheckConstraint(
                name="study_status_is_known", condition=Q(status__in=["draft", "open", "closed"])
            ),
            models.CheckConstraint(
                name="evaluation_has_experiment", condition=~Q(purpose="evaluate") | ~Q(experiment=None)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Comparison(models.Model):
    """A prompt and its first and second response; in an evaluation the first is the aligned one.

    position is the random order, drawn from the study's seed, in which comparisons are served.
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="comparisons")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="comparisons")
    first = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="+")
    language = models.ForeignKey(Language, on_delete=models.PROTECT, related_name="+")
    position = models.BigIntegerField()
    identical = models.BooleanField(
        default=False, help_text="both texts are the same: a tie, nobody is asked"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(name="comparison_in_order", fields=["study", "language", "position"])]
        constraints = [
            models.UniqueConstraint(name="pair_once_per_study", fields=["study", "first", "second"]),
            models.CheckConstraint(name="two_different_responses", condition=~Q(first=F("second"))),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} against {self.second_id}"


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Named sets of seats and their atomic transitions."""

    def leasable(self, now: datetime) -> Self:
        """Free seats, and those whose lease ended without a verdict, in open studies."""
        lost = Q(status=Assignment.Status.LEASED, lease_ends__lte=now)
        free = Q(status=Assignment.Status.FREE)
        return self.filter(free | lost, comparison__study__status=Study.Status.OPEN)

    def leased_by(self, annotator: models.Model) -> Self:
        """Seats that the annotator took and nobody else has taken since, even where the lease has ended."""
        return self.filter(annotator=annotator, status=Assignment.Status.LEASED)

    def lease(self, pk: int, annotator: models.Model, *, now: datetime, ends: datetime) -> bool:
        """Take the seat if it is still leasable. False if somebody else was first."""
        free_or_lost = Q(status=Assignment.Status.FREE) | Q(
            status=Assignment.Status.LEASED, lease_ends__lte=now
        )
        return bool(
            self.filter(free_or_lost, pk=pk).update(
                status=Assignment.Status.LEASED, annotator=annotator, leased_at=now, lease_ends=ends
            )
        )


class Assignment(models.Model):
    """A seat in a study: one annotator's lease on one comparison, with the order shown.

    free → leased → judged | skipped;  leased → free (released) or to another annotator when the lease ends.
    swapped: the second response stands on the left.
    """

    class Status(models.TextChoices):
        FREE = "free"
        LEASED = "leased"
        JUDGED = "judged"
        SKIPPED = "skipped"

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="assignments")
    swapped = models.BooleanField()
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.FREE)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="assignments"
    )
    leased_at = models.DateTimeField(null=True, blank=True)
    lease_ends = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="when it was judged or skipped")

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(name="assignment_by_status", fields=["status", "lease_ends"]),
            models.Index(name="assignment_of_annotator", fields=["annotator", "status"]),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_seat_per_annotator",
                fields=["comparison", "annotator"],
                condition=Q(annotator__isnull=False),
            ),
            models.CheckConstraint(
                name="free_seat_has_nobody",
                condition=Q(status="free", annotator=None)
                | Q(status__in=["leased", "judged", "skipped"], annotator__isnull=False),
            ),
            models.CheckConstraint(
                name="lease_has_an_end", condition=~Q(status="leased") | Q(lease_ends__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"seat {self.pk}"
