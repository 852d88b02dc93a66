"""Deliveries: news on its way to people who are not looking, by e-mail and webhook, in several tries."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from http.client import HTTPException
from threading import Thread
from time import monotonic

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.urls import reverse

from annotate.errors import AnnotateError
from annotate.models import Delivery, Notification
from annotate.services import webhooks

NO_SERVER = "This machine has no e-mail server: set POLYREWARD_EMAIL_URL for the workers, too."
MAX_TRIES = 6
FIRST_WAIT = timedelta(minutes=1)  # before the second try; each later one waits four times as long
TRY_SECONDS = 5.0
SWEEP_BUDGET_SECONDS = 5.0  # no further try begins after that, so a sweep takes at most twice as long
SWEEP_AT_MOST = 20
ERROR_LENGTH = 300


def send_out(notifications: Iterable[Notification], *, now: datetime) -> None:
    """Note what is to be delivered, to whoever asked for it; the next sweep sends it."""
    rows = [
        Delivery(notification=notification, channel=channel, address=address, due_at=now)
        for notification in notifications
        for channel, address in _addresses(notification)
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def send_due(*, now: datetime) -> None:
    """Try what is due, oldest first, as long as the time of a sweep allows.

    A try is taken before it is made, by counting it and by putting off the next: of two workers one makes
    it, and where that one dies the next try comes in its time. So somebody may hear twice, but not never.
    """
    begun = monotonic()
    due = Delivery.objects.filter(status=Delivery.Status.WAITING, due_at__lte=now).order_by("due_at", "pk")
    for delivery in due.select_related("notification")[:SWEEP_AT_MOST]:
        if monotonic() - begun > SWEEP_BUDGET_SECONDS:
            break
        if _take(delivery, now=now):
            _try(delivery, now=now)


def send_test(channel: Delivery.Channel, address: str, *, now: datetime) -> str:
    """Send a made-up piece of news at once. Returns what went wrong, or "" when it arrived."""
    text = "This is a test: news of Polyreward will arrive here."
    notification = Notification(text=text, event="test", created_at=now)
    return _error_of(Delivery(notification=notification, channel=channel, address=address))


def _addresses(notification: Notification) -> list[tuple[Delivery.Channel, str]]:
    person = notification.recipient
    by_email = settings.EMAIL_AVAILABLE and person.news_by_email and person.email
    return [
        *([(Delivery.Channel.EMAIL, person.email)] if by_email else []),
        *([(Delivery.Channel.WEBHOOK, person.webhook)] if person.webhook else []),
    ]


def _take(delivery: Delivery, *, now: datetime) -> bool:
    """Count a try, unless another worker has counted it."""
    wait = FIRST_WAIT * 4**delivery.num_tries
    unchanged = Q(status=Delivery.Status.WAITING, num_tries=delivery.num_tries)
    taken = Delivery.objects.filter(unchanged, pk=delivery.pk).update(
        num_tries=F("num_tries") + 1, due_at=now + wait
    )
    delivery.num_tries += taken
    return bool(taken)


def _try(delivery: Delivery, *, now: datetime) -> None:
    error = _error_of(delivery)
    held = Delivery.objects.filter(pk=delivery.pk, num_tries=delivery.num_tries)
    if not error:
        held.update(status=Delivery.Status.SENT, sent_at=now, error="")
    elif delivery.num_tries >= MAX_TRIES:
        held.update(status=Delivery.Status.FAILED, error=error)
    else:
        held.update(error=error)


def _error_of(delivery: Delivery) -> str:
    """Send it. Returns what went wrong, or ""."""
    send = _email if delivery.channel == Delivery.Channel.EMAIL else _webhook
    errors = [f"There was no answer within {TRY_SECONDS:.0f} seconds."]

    def attempt() -> None:
        errors.append(_error_from(lambda: send(delivery)))

    # A time-out of a socket bounds each wait, not their sum, and nothing bounds the resolver: hence a thread.
    thread = Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(TRY_SECONDS)
    return errors[-1]


def _error_from(send: Callable[[], None]) -> str:
    try:
        send()
    except AnnotateError as error:
        return str(error)
    except (OSError, HTTPException, ValueError) as error:  # of the network, the server, an impossible address
        return f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
    return ""


def _email(delivery: Delivery) -> None:
    if not settings.EMAIL_AVAILABLE:
        raise AnnotateError(NO_SERVER)
    text = delivery.notification.text
    body = f"{text}\n\n{address_of(delivery.notification)}\n"
    subject = " ".join(text.split())[:120]
    EmailMessage(f"[Polyreward] {subject}", body, to=[delivery.address]).send()


def _webhook(delivery: Delivery) -> None:
    notification = delivery.notification
    content = {
        "event": notification.event,
        "text": notification.text,
        "url": address_of(notification),
        "experiment": notification.experiment_id,
        "run": notification.run_id,
        "at": notification.created_at.isoformat(),
    }
    webhooks.post(delivery.address, content, timeout=TRY_SECONDS)


def address_of(notification: Notification) -> str:
    """The page that this piece of news is about."""
    return f"{settings.URL}{path_of(notification)}"


def path_of(notification: Notification) -> str:
    """Its address within the site."""
    if notification.run_id:
        return reverse("launch:run", args=[notification.run_id])
    if notification.experiment_id:
        return reverse("researcher:experiment", args=[notification.experiment_id])
    return reverse("news:page")
