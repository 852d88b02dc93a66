"""Attempts at runs: who tried when, on what; hours and rates are counted from these."""

from django.db import models

from annotate.models.runs import Run


class Attempt(models.Model):
    """One worker's try at a run. It ends with an outcome; a lost one ended with its last heartbeat."""

    class Outcome(models.TextChoices):
        UNDER_WAY = "", "under way"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"
        GIVEN_BACK = "given back", "given back by a worker that was stopped, or by a pause"
        LOST = "lost", "its worker fell silent"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField(help_text="the run's attempt that this was")
    worker = models.CharField(max_length=120)
    device = models.CharField(max_length=120, blank=True, help_text="name of the accelerator; empty: CPU")
    num_devices = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    done_before = models.PositiveIntegerField(default=0, help_text="units that earlier attempts had done")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default=Outcome.UNDER_WAY)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="attempt_once", fields=["run", "number"]),
            models.CheckConstraint(
                name="ended_attempt_has_an_outcome",
                condition=models.Q(outcome="", ended_at=None)
                | ~models.Q(outcome="") & models.Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.run}"
