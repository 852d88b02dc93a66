"""Attempts at runs: who tried when, on what; hours and rates are counted from these."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import OuterRef, Subquery

from annotate.models.runs import Run


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Named sets of attempts and their atomic transitions."""

    def under_way(self) -> Self:
        """Without an outcome yet."""
        return self.filter(outcome=Attempt.Outcome.UNDER_WAY)

    def left_open(self) -> Self:
        """Under way, though their run is not running: whoever ends a run ends these before it commits."""
        return self.under_way().exclude(run__status=Run.Status.RUNNING)

    def end(self, outcome: "Attempt.Outcome", *, now: datetime) -> int:
        """Left open → ended."""
        return self.left_open().update(outcome=outcome, ended_at=now)

    def lose(self) -> int:
        """Left open → lost, with the last heartbeat of the run."""
        heartbeat = Run.objects.filter(pk=OuterRef("run")).values("heartbeat_at")
        return self.left_open().update(outcome=Attempt.Outcome.LOST, ended_at=Subquery(heartbeat))


class Attempt(models.Model):
    """One worker's try at a run. It ends with an outcome; a lost one ended with its last heartbeat."""

    class Outcome(models.TextChoices):
        UNDER_WAY = "", "under way"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"
        GIVEN_BACK = "given back", "given back"  # by a worker that was stopped, or by a pause
        LOST = "lost", "lost"  # its worker fell silent

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField(help_text="the run's attempt that this was")
    worker = models.CharField(max_length=120)
    device = models.CharField(max_length=120, blank=True, help_text="name of the accelerator; empty: CPU")
    num_devices = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    done_before = models.PositiveIntegerField(default=0, help_text="units that earlier attempts had done")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default=Outcome.UNDER_WAY)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="attempt_once", fields=["run", "number"]),
            models.UniqueConstraint(
                name="one_attempt_under_way", fields=["run"], condition=models.Q(outcome="")
            ),
            models.CheckConstraint(
                name="ended_attempt_has_an_outcome",
                condition=models.Q(outcome="", ended_at=None)
                | ~models.Q(outcome="") & models.Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.run}"
