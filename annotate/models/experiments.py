"""Experiments: what to train, on what, and how the outcome is judged."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from annotate.models.languages import Language


class Experiment(models.Model):
    """A plan. Its runs do the work, its study asks the annotators; every random number comes from its seed.

    going ⇄ paused: while it is paused, none of the runs that only it needs is started.
    going or paused → cancelled: it needs none of its runs any more; cancelled → going when it is resumed.

    feedback is the data set of preferences or ratings in the source languages, prompts the data set of
    inputs in the target languages, demonstrations the data set of responses that the base policy is
    fine-tuned on for each target ("": it is used as it is); policy and backbone are model sources
    (docs/models.md). half_width: wanted for the 95 % interval of each win rate.
    """

    class Priority(models.IntegerChoices):
        LOW = -1
        NORMAL = 0
        HIGH = 1

    name = models.CharField(max_length=120)
    task = models.CharField(max_length=40)
    policy = models.CharField(max_length=300)
    backbone = models.CharField(max_length=300)
    method = models.CharField(max_length=10, default="frozen")
    feedback = models.CharField(max_length=80)
    prompts = models.CharField(max_length=80)
    demonstrations = models.CharField(max_length=80, blank=True)
    sources = models.ManyToManyField(Language, related_name="+")
    targets = models.ManyToManyField(Language, related_name="+")
    n = models.PositiveIntegerField(default=16, validators=[MinValueValidator(2), MaxValueValidator(1024)])
    num_prompts = models.PositiveIntegerField(default=24, validators=[MinValueValidator(1)])
    votes_wanted = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    half_width = models.FloatField(default=0.1, validators=[MinValueValidator(0.01), MaxValueValidator(0.5)])
    seed = models.PositiveIntegerField(default=0)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    paused_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="n_leaves_a_choice", condition=models.Q(n__gte=2)),
            models.CheckConstraint(name="experiment_has_prompts", condition=models.Q(num_prompts__gte=1)),
            models.CheckConstraint(name="experiment_wants_votes", condition=models.Q(votes_wanted__gte=1)),
            models.CheckConstraint(
                name="cancelled_is_not_paused",
                condition=models.Q(paused_at=None) | models.Q(cancelled_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name
