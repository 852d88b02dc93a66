"""Accounts: what people change about themselves, and trying out the ways in which news reaches them."""

from datetime import datetime, timedelta

from django.db import transaction

from annotate.errors import AnnotateError
from annotate.models import AuditEntry, Delivery, User
from annotate.services import audit, deliveries

BETWEEN_TESTS = timedelta(seconds=30)  # so that nobody's address can be flooded from here


class UndeliveredError(AnnotateError):
    """A test did not arrive; the sentence says what is known."""

    status = 409
    code = "undelivered"


@transaction.atomic
def save_profile(person: User, *, changed: list[str]) -> None:
    """Keep what the person changed; the trail names the fields, not what they hold."""
    person.save(update_fields=changed)
    if changed:
        audit.record(person, "account.changed", person, fields=sorted(changed))


def send_test(person: User, channel: Delivery.Channel, *, now: datetime) -> None:
    """Send this person a test at once. Raises UndeliveredError where it did not arrive."""
    address = person.email if channel == Delivery.Channel.EMAIL else person.webhook
    if not address:
        raise UndeliveredError("There is no address yet that a test could be sent to.")
    tested = AuditEntry.objects.filter(actor=person, action="account.tested")
    if tested.filter(created_at__gte=now - BETWEEN_TESTS).exists():
        raise UndeliveredError("You sent a test a moment ago. Wait half a minute before the next one.")
    audit.record(person, "account.tested", person, channel=channel)
    if error := deliveries.send_test(channel, address, now=now):
        raise UndeliveredError(f"The test did not arrive. {error}")
