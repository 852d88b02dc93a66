"""Workers: what each has announced of itself."""

from datetime import datetime
from typing import Self

from django.db import models


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Named sets of workers."""

    def alive_since(self, moment: datetime) -> Self:
        """Not stopped, and heard of since `moment`."""
        return self.filter(stopped_at=None, heartbeat_at__gte=moment)

    def stop(self, *, now: datetime) -> int:
        """Not stopped yet → stopped; from now on it claims nothing."""
        return self.filter(stopped_at=None).update(stopped_at=now)


class Worker(models.Model):
    """A worker process on some machine; its name is what its runs and attempts call it."""

    name = models.CharField(max_length=120, unique=True)
    host = models.CharField(max_length=120)
    queues = models.JSONField(default=list, help_text="names of the queues that it listens to")
    num_cpus = models.PositiveSmallIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0, help_text="of the host")
    available_bytes = models.BigIntegerField(default=0, help_text="of the host's memory")
    devices = models.JSONField(
        default=list, help_text="accelerators: name, memory_bytes, used_bytes, utilisation (percent or null)"
    )
    code_version = models.CharField(max_length=60, blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["host", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def usable_bytes(self) -> int:
        """The memory that a run may take: that of its accelerators, else that of the host."""
        return sum(device["memory_bytes"] for device in self.devices) or self.memory_bytes
