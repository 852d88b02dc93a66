"""News for people, and how it reaches those who are not looking."""

from django.conf import settings
from django.db import models

from annotate.models.experiments import Experiment
from annotate.models.runs import Run


class Notification(models.Model):
    """Something happened that this person wants to know.

    occasion tells one happening from the next of the same kind, so that whoever notices it first tells of
    it, and nobody tells of it twice.
    """

    class Event(models.TextChoices):
        EXPERIMENT_ENDED = "experiment ended"
        RUN_FAILED = "run failed"

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    event = models.CharField(max_length=20, choices=Event.choices)
    occasion = models.CharField(max_length=80)
    text = models.TextField()
    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(name="notification_unread", fields=["recipient", "read_at"])]
        constraints = [models.UniqueConstraint(name="told_once", fields=["recipient", "occasion"])]

    def __str__(self) -> str:
        return self.text


class Delivery(models.Model):
    """A notification on its way out: waiting → sent | failed, after several tries."""

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=7, choices=Channel.choices)
    address = models.CharField(max_length=500)
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.WAITING)
    num_tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [models.Index(name="delivery_due", fields=["status", "due_at"])]
        constraints = [models.UniqueConstraint(name="channel_once", fields=["notification", "channel"])]

    def __str__(self) -> str:
        return f"{self.channel}: {self.notification}"
