"""Curves: how a run's metrics developed."""

from django.db import models

from annotate.models.runs import Run


class Curve(models.Model):
    """One metric over a run's units of work: equally long lists, thinned evenly when they grow long."""

    MAX_POINTS = 1000

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="curves")
    name = models.CharField(max_length=60)
    steps = models.JSONField(default=list, help_text="units done, ascending")
    values = models.JSONField(default=list)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(name="curve_once", fields=["run", "name"])]

    def __str__(self) -> str:
        return f"{self.name} of {self.run}"
