"""News: people hear once that an experiment has ended or a run has failed, whoever notices it first."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from annotate.models import Experiment, Notification, Run, User
from annotate.services import deliveries
from annotate.services.endings import ending_of, failure_of

REMEMBERED = timedelta(days=1)  # what is older was told, or is no news any more
READERS = (User.Role.RESEARCHER, User.Role.ADMIN)


def tell(run: Run, *, now: datetime) -> None:
    """Tell of a run if it has failed, and of the experiments that ended with it. Call it after the commit.

    The end of two runs at once is noticed by both of their workers, or by the second; it is told once.
    """
    _tell_of_failures(Run.objects.filter(pk=run.pk), now=now)
    _tell_of_endings(Experiment.objects.filter(runs=run.pk), now=now)


def tell_missed(*, now: datetime) -> None:
    """Tell what nobody was told of, because a process died between the end of a run and the news of it."""
    since = now - REMEMBERED
    _tell_of_failures(Run.objects.filter(finished_at__gte=since), now=now)
    _tell_of_endings(Experiment.objects.filter(_ended_since(since)), now=now)


def mark_read(person: User, notification_id: int | None = None, *, now: datetime) -> None:
    """Mark one notification of this person as read, or all (None)."""
    unread = Notification.objects.filter(recipient=person, read_at=None)
    (unread if notification_id is None else unread.filter(pk=notification_id)).update(read_at=now)


def num_unread(person: User, *, at_most: int) -> int:
    """How many notifications this person has not read, counted no further than needed."""
    return Notification.objects.filter(recipient=person, read_at=None)[:at_most].count()


def _tell_of_failures(runs: QuerySet[Run], *, now: datetime) -> None:
    told = Notification.objects.filter(
        event=Notification.Event.RUN_FAILED, run=OuterRef("pk"), created_at__gte=OuterRef("finished_at")
    )
    for run in runs.filter(~Exists(told), status=Run.Status.FAILED):
        _notify(
            _recipients(run.experiments.filter(cancelled_at=None)),
            event=Notification.Event.RUN_FAILED,
            occasion=f"run {run.pk} failed in attempt {run.attempt}",
            text=failure_of(run),
            run=run,
            created_at=now,
        )


def _tell_of_endings(experiments: QuerySet[Experiment], *, now: datetime) -> None:
    told = Notification.objects.filter(
        event=Notification.Event.EXPERIMENT_ENDED,
        experiment=OuterRef("pk"),
        created_at__gte=OuterRef("ended_at"),
    )
    for experiment in _ended(experiments).filter(~Exists(told)):
        _notify(
            _recipients([experiment]),
            event=Notification.Event.EXPERIMENT_ENDED,
            occasion=f"experiment {experiment.pk} ended at {experiment.ended_at.isoformat()}",
            text=ending_of(experiment),
            experiment=experiment,
            created_at=now,
        )


def _ended(experiments: QuerySet[Experiment]) -> QuerySet[Any]:
    """Those in which nothing can go on, with `ended_at`; what waits then waits for something that failed."""
    own = Run.objects.filter(experiments=OuterRef("pk"))
    going_on = own.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    last = own.exclude(finished_at=None).order_by("-finished_at").values("finished_at")[:1]
    return experiments.annotate(ended_at=Coalesce("cancelled_at", Subquery(last))).filter(
        Q(cancelled_at__isnull=False) | (~Exists(going_on) & ~Exists(own.ready())), ended_at__isnull=False
    )


def _ended_since(moment: datetime) -> Q:
    finished = Run.objects.filter(experiments=OuterRef("pk"), finished_at__gte=moment)
    return Q(cancelled_at__gte=moment) | Q(Exists(finished))


def _recipients(experiments: Iterable[Experiment]) -> list[User]:
    """Who launched them, and who hears of all; in one order, so that two tellers never lock crosswise."""
    launchers = {experiment.created_by_id for experiment in experiments}
    return list(
        User.objects.filter(
            Q(pk__in=launchers) | Q(news_of_all=True), is_active=True, role__in=READERS
        ).order_by("pk")
    )


@transaction.atomic
def _notify(people: list[User], **fields: Any) -> None:
    """Tell each of them, unless somebody else has told them of the same occasion meanwhile."""
    rows = [Notification(recipient=person, **fields) for person in people]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    told = Notification.objects.filter(occasion=fields["occasion"], recipient__in=people)
    deliveries.send_out(told.select_related("recipient"), now=fields["created_at"])
