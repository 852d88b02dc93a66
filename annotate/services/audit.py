"""The audit trail is written here: by whoever lets a person act, in the same transaction as the act."""

import getpass
import os
from typing import Any

from django.db.models import Model

from annotate.models import AuditEntry, User

SUBJECT_LENGTH = 200

ACTIONS = {  # what somebody did, in words that a subject may follow
    "account.changed": "changed their own profile",
    "account.password_changed": "changed their own password",
    "account.sign_in_failed": "failed to sign in",
    "account.signed_in": "signed in",
    "account.signed_out": "signed out",
    "account.tested": "sent a test of news",
    "audit.downloaded": "downloaded the audit trail",
    "data.exported": "exported data",
    "data.imported": "imported data",
    "experiment.cancelled": "cancelled an experiment",
    "experiment.launched": "launched an experiment",
    "experiment.paused": "paused an experiment",
    "experiment.priority_changed": "changed the priority of an experiment",
    "experiment.resumed": "resumed an experiment",
    "group.added": "added a group",
    "group.changed": "changed a group",
    "group.deleted": "deleted a group",
    "language.added": "added a language",
    "language.changed": "changed a language",
    "language.deleted": "deleted a language",
    "results.downloaded": "downloaded results",
    "run.cancelled": "cancelled a run",
    "run.retried": "retried a run",
    "study.added": "added a study",
    "study.changed": "changed a study",
    "study.deleted": "deleted a study",
    "token.added": "was given a token of the API",
    "token.changed": "changed a token of the API",
    "token.deleted": "took back a token of the API",
    "user.added": "added a person",
    "user.changed": "changed a person",
    "user.deleted": "deleted a person",
}


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


def record_from_shell(action: str, subject: Model | None = None, **detail: Any) -> AuditEntry:
    """Note what a command of manage.py did; all that is known of who did it is the account of the shell."""
    return record(None, action, subject, shell=_shell_account(), **detail)


def _shell_account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"user {os.getuid()}"
