"""Outputs: systems, their responses, and ratings of single responses."""

from django.db import models

from annotate.models.languages import Language
from annotate.models.prompts import Prompt
from annotate.models.runs import Run


class System(models.Model):
    """A named way to produce responses in one language; those made here name their run."""

    class Kind(models.TextChoices):
        IMPORTED = "imported"
        UNALIGNED = "unaligned"
        BEST_OF_N = "best_of_n", "best-of-n"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=160)
    language = models.ForeignKey(Language, on_delete=models.PROTECT, related_name="systems")
    source = models.ForeignKey(
        Language,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="the language whose reward model aligned it",
    )
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="system")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="imported_system_once", fields=["name", "language"], condition=models.Q(kind="imported")
            ),
            models.CheckConstraint(
                name="made_here_names_its_run",
                condition=models.Q(kind="imported", run=None)
                | ~models.Q(kind="imported") & ~models.Q(run=None),
            ),
            models.CheckConstraint(
                name="system_kind_is_known",
                condition=models.Q(kind__in=["imported", "unaligned", "best_of_n"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Response(models.Model):
    """One output of a system for a prompt. Evidence: never edited.

    reward is in the units of the reward model that chose it; None where nothing did.
    """

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="responses")
    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="responses")
    text = models.TextField(blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text")
    reward = models.FloatField(null=True, blank=True)
    logprob = models.FloatField(null=True, blank=True)
    num_tokens = models.PositiveIntegerField(null=True, blank=True)
    finished = models.BooleanField(null=True, blank=True)
    closest_language = models.CharField(max_length=35, blank=True)
    detected_language = models.CharField(max_length=35, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="response_once", fields=["system", "prompt", "digest"]),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Rating(models.Model):
    """Pointwise feedback: a judge found a response good or bad. Evidence: never edited."""

    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="ratings")
    judge = models.ForeignKey("annotate.Judge", on_delete=models.PROTECT, related_name="ratings")
    good = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="judge_rates_once", fields=["judge", "response"])]

    def __str__(self) -> str:
        return f"{self.judge}: {'good' if self.good else 'bad'}"
