"""The audit trail is written here: by whoever lets a person act, in the same transaction as the act."""

from typing import Any

from django.db.models import Model

from annotate.models import AuditEntry, User

SUBJECT_LENGTH = 200


def record(actor: User | None, action: str, subject: Model | None = None, **detail: Any) -> AuditEntry:
    """Note that `actor` (None: the software) did something, such as "experiment.launched", to a row.

    detail: what JSON can hold; never a password, a token or the text of evidence.
    """
    return AuditEntry.objects.create(
        actor=actor,
        action=action,
        subject_kind=subject._meta.model_name or "" if subject else "",
        subject_id=str(subject.pk) if subject else "",
        subject=str(subject)[:SUBJECT_LENGTH] if subject else "",
        detail=detail,
    )
