"""Who signed in and out goes into the audit trail, and who failed to; passwords never do."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from annotate.models import User
from annotate.services import audit


def watch() -> None:
    """Listen from now on.

    These are signals because there are several doors (the page, the admin site, the API's tokens, whatever
    an authentication backend adds), and Django tells of all of them here.
    """
    user_logged_in.connect(_note_sign_in)
    user_logged_out.connect(_note_sign_out)
    user_login_failed.connect(_note_failure)


def _note_sign_in(sender: Any, user: User, **said: Any) -> None:
    audit.record(user, "account.signed_in", user)


def _note_sign_out(sender: Any, user: User | None, **said: Any) -> None:
    if user is not None:
        audit.record(user, "account.signed_out", user)


def _note_failure(sender: Any, credentials: dict[str, Any], **said: Any) -> None:
    """A name that nobody has is not kept: people type passwords in its place."""
    meant = User.objects.filter(username=str(credentials.get("username", ""))).first()
    audit.record(None, "account.sign_in_failed", meant)
