"""What runs leave behind."""

from django.db import models

from annotate.models.runs import Run


class Artifact(models.Model):
    """A file or directory that a run left behind, found by the SHA-256 of its content. Never edited."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="artifacts")
    role = models.CharField(max_length=40, help_text="what it is to the run: pool, rewards, reward_model")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)
    num_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_artifact_per_role", fields=["run", "role"])]

    def __str__(self) -> str:
        return f"{self.role} of {self.run}"
