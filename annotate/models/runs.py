"""Runs: pieces of work, their states, and the atomic transitions between those."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from annotate.models.experiments import Experiment
from annotate.models.languages import Language


class RunQuerySet(models.QuerySet["Run"]):
    """Named sets of runs and their atomic transitions."""

    def claim(self, pk: int, *, worker: str, now: datetime) -> "Run | None":
        """Take a queued run for `worker`. None if another worker was first, or it is not queued."""
        won = (
            self.startable()
            .filter(pk=pk)
            .update(
                status=Run.Status.RUNNING,
                attempt=F("attempt") + 1,
                attempts_left=F("attempts_left") - 1,
                worker=worker,
                heartbeat_at=now,
                started_at=now,
            )
        )
        return Run.objects.filter(pk=pk, worker=worker).first() if won else None

    def claim_best(self, *, worker: str, queues: Collection[str], memory: int, now: datetime) -> "Run | None":
        """Take the run that goes first among those that fit. None where none does.

        memory: bytes that the worker has. A rival may be first at a run; then the next one is tried.
        """
        fitting = self.fitting(queues=queues, memory=memory).startable().in_order()
        while (pk := fitting.values_list("pk", flat=True).first()) is not None:
            if run := self.claim(pk, worker=worker, now=now):
                return run
        return None

    def startable(self) -> Self:
        """Queued, with an attempt left, and not held back by a pause."""
        return self.filter(status=Run.Status.QUEUED, attempts_left__gt=0).exclude(_is_held_back())

    def held_back(self) -> Self:
        """Needed by paused experiments, and by none that goes on."""
        return self.filter(_is_held_back())

    def fitting(self, *, queues: Collection[str], memory: int) -> Self:
        """On one of the queues, and known to need no more than so many bytes, or not known to need any."""
        return self.filter(queue__in=queues, memory_needed__lte=memory)

    def in_order(self) -> Self:
        """The order in which they are started."""
        return self.order_by("-priority", "pk")

    def unfinished(self) -> Self:
        """Waiting, queued or running."""
        return self.exclude(status__in=Run.TERMINAL)

    def take_priority(self) -> int:
        """Each becomes as urgent as the most urgent experiment that needs it and is not cancelled, if any."""
        needing = Experiment.objects.filter(runs=models.OuterRef("pk"), cancelled_at=None)
        highest = models.Subquery(needing.order_by("-priority").values("priority")[:1])
        return self.update(priority=Coalesce(highest, F("priority")))

    def held(self, run: "Run") -> Self:
        """The run, as long as this attempt still has it: the fence around every write of a worker."""
        return self.filter(pk=run.pk, attempt=run.attempt, status=Run.Status.RUNNING)

    def silent_since(self, moment: datetime) -> Self:
        """Running, but without a heartbeat since `moment`."""
        return self.filter(status=Run.Status.RUNNING, heartbeat_at__lt=moment)

    def ready(self) -> Self:
        """Waiting, with every parent succeeded."""
        unfinished = Run.objects.filter(children=models.OuterRef("pk")).exclude(status=Run.Status.SUCCEEDED)
        return self.filter(~models.Exists(unfinished), status=Run.Status.WAITING)

    def queue(self) -> int:
        """Waiting → queued."""
        return self.filter(status=Run.Status.WAITING).update(status=Run.Status.QUEUED, queued_at=Now())

    def cancel(self, *, now: datetime) -> int:
        """Waiting, queued or running → cancelled. A worker that had the run has lost it at once."""
        return self.unfinished().update(status=Run.Status.CANCELLED, finished_at=now)

    def reset(self) -> int:
        """Failed or cancelled → waiting, with every attempt to use again."""
        return self.filter(status__in=[Run.Status.FAILED, Run.Status.CANCELLED]).update(
            status=Run.Status.WAITING,
            attempts_left=Run.MAX_ATTEMPTS,
            error="",
            error_kind=Run.ErrorKind.NONE,
            finished_at=None,
        )

    def put_back(self) -> int:
        """Running → queued, as long as there are attempts left."""
        return self.filter(status=Run.Status.RUNNING, attempts_left__gt=0).update(
            status=Run.Status.QUEUED, queued_at=Now()
        )

    def give_up(self, *, error: str, now: datetime) -> int:
        """Running → failed, where no attempts are left."""
        return self.filter(status=Run.Status.RUNNING, attempts_left=0).update(
            status=Run.Status.FAILED, error=error, error_kind=Run.ErrorKind.OURS, finished_at=now
        )

    def release(self) -> int:
        """Running → queued, because of a stop or a pause; the broken attempt does not count."""
        return self.filter(status=Run.Status.RUNNING).update(
            status=Run.Status.QUEUED, queued_at=Now(), attempts_left=F("attempts_left") + 1
        )


def _is_held_back() -> Q:
    """As one set of primary keys, which a database computes once for however many runs."""
    needing = Run.experiments.through.objects
    going = needing.filter(
        run=models.OuterRef("run"), experiment__paused_at=None, experiment__cancelled_at=None
    )
    paused = needing.filter(~models.Exists(going), experiment__paused_at__isnull=False)
    return Q(pk__in=paused.values("run"))


class Run(models.Model):
    """One piece of work on a worker. The row is the truth; a message is only a doorbell.

    waiting → queued → running → succeeded | failed | cancelled
    waiting or queued → cancelled; running → queued when its worker falls silent or is stopped, when its
    process hangs, and when every experiment that needs it is paused; failed or cancelled → waiting by a
    retry. Children of a run that did not succeed keep waiting for it.
    identity is the digest of kind, configuration and parents' identities, so equal work is done once.
    """

    class Kind(models.TextChoices):
        REWARD_MODEL = "reward_model", "reward model"
        SFT = "sft", "SFT policy"
        SAMPLE = "sample", "response pool"
        SCORE = "score", "rewards"
        BEST_OF_N = "best_of_n", "best-of-n"
        ACCURACY = "accuracy", "accuracy"

    class Queue(models.TextChoices):
        CPU = "cpu", "any worker"
        GPU = "gpu", "an accelerator, where there is one"

    class Status(models.TextChoices):
        WAITING = "waiting"
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class ErrorKind(models.TextChoices):
        NONE = ""
        USER = "user", "a person can mend it"
        OURS = "ours", "a fault in the software"

    TERMINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
    MAX_ATTEMPTS = 3

    kind = models.CharField(max_length=12, choices=Kind.choices)
    title = models.CharField(max_length=160)
    identity = models.CharField(max_length=64, unique=True)
    config = models.JSONField()
    source = models.ForeignKey(Language, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    target = models.ForeignKey(Language, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    experiments = models.ManyToManyField(Experiment, related_name="runs")
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children", blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="fences the writes of workers")
    attempts_left = models.PositiveSmallIntegerField(default=MAX_ATTEMPTS)
    queue = models.CharField(max_length=3, choices=Queue.choices, default=Queue.CPU)
    priority = models.SmallIntegerField(
        default=0, help_text="the highest of its experiments; higher goes first"
    )
    memory_needed = models.BigIntegerField(default=0, help_text="bytes on the worker's device; 0: not known")
    num_units = models.PositiveIntegerField(
        default=0, help_text="examples, responses or prompts that it works on, known before; 0: not known"
    )
    worker = models.CharField(max_length=120, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    unit = models.CharField(max_length=20, blank=True)
    metrics = models.JSONField(default=dict, blank=True, help_text="newest value of each named metric")
    samples = models.JSONField(default=list, blank=True, help_text="newest responses, the newest last")
    notes = models.JSONField(
        default=list, blank=True, help_text="sentences about what was decided on the way"
    )
    command = models.TextField(blank=True, help_text="what a shell would do the same with")
    code_version = models.CharField(max_length=60, blank=True, help_text="of the worker that did it")
    result = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    error_kind = models.CharField(max_length=4, choices=ErrorKind.choices, default=ErrorKind.NONE, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(name="run_by_status", fields=["status", "heartbeat_at"]),
            models.Index(name="run_in_order", fields=["status", "queue", "-priority", "id"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="running_has_a_heartbeat", condition=~Q(status="running") | ~Q(heartbeat_at=None)
            ),
            models.CheckConstraint(
                name="status_is_known",
                condition=Q(status__in=["waiting", "queued", "running", "succeeded", "failed", "cancelled"]),
            ),
            models.CheckConstraint(name="failed_says_why", condition=~Q(status="failed") | ~Q(error="")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_terminal(self) -> bool:
        """Nothing will change any more, unless somebody asks for a retry."""
        return self.status in self.TERMINAL

    @property
    def percent(self) -> int:
        """How much is done, from 0 to 100."""
        return 100 * self.done // self.total if self.total else 0
