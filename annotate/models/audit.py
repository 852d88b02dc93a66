"""The audit trail: who did what, when."""

from django.conf import settings
from django.db import models


class AuditEntry(models.Model):
    """One act of a person, or of the software where there is no actor. Evidence: never edited.

    The subject is named, not referred to, so that the trail outlives what it speaks of.
    """

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # audit_by_actor begins with it
    )
    action = models.CharField(max_length=40, help_text="such as experiment.launched")
    subject_kind = models.CharField(max_length=20, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=200, blank=True, help_text="its name at the time")
    detail = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-created_at", "-pk"]
        indexes = [  # each filter of the page with its order, so that no page reads more than it shows
            models.Index(name="audit_by_time", fields=["-created_at", "-id"]),
            models.Index(name="audit_by_actor", fields=["actor", "-created_at", "-id"]),
            models.Index(name="audit_by_action", fields=["action", "-created_at", "-id"]),
            models.Index(name="audit_by_kind", fields=["subject_kind", "-created_at", "-id"]),
            models.Index(name="audit_by_subject", fields=["subject_kind", "subject_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor or 'polyreward'}: {self.action} {self.subject}"
