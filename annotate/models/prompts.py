"""Inputs: sets of prompts of one task, in one language, from one split of a data set."""

from django.db import models

from alignment import records
from annotate.models.languages import Language


class PromptSet(models.Model):
    """Where prompts come from: a task, a data set, a language and a split."""

    class Split(models.TextChoices):
        TRAIN = "train"
        VALIDATION = "validation"
        TEST = "test"

    task = models.CharField(max_length=40)
    dataset = models.CharField(max_length=80)
    language = models.ForeignKey(Language, on_delete=models.PROTECT, related_name="prompt_sets")
    split = models.CharField(max_length=10, choices=Split.choices)
    licence = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(
        null=True, blank=True, help_text="when an import last added something; empty: not known"
    )

    class Meta:
        ordering = ["dataset", "language", "split"]
        constraints = [
            models.UniqueConstraint(
                name="one_set_per_dataset_language_split", fields=["task", "dataset", "language", "split"]
            ),
            models.CheckConstraint(
                name="split_is_known", condition=models.Q(split__in=["train", "validation", "test"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.language_id} {self.split}"


class Prompt(models.Model):
    """One input: a text, or the messages of a conversation. Rated lines without input share the text ''."""

    prompt_set = models.ForeignKey(PromptSet, on_delete=models.PROTECT, related_name="prompts")
    text = models.TextField(blank=True)
    messages = models.JSONField(default=list, blank=True, help_text="[{role, content}] of a conversation")
    key = models.CharField(max_length=64, help_text="SHA-256 of language and content")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="prompt_once_per_set", fields=["prompt_set", "key"]),
            models.CheckConstraint(
                name="text_or_messages", condition=models.Q(text="") | models.Q(messages=[])
            ),
        ]

    def __str__(self) -> str:
        return (self.text or " / ".join(turn["content"] for turn in self.messages))[:80]

    def as_record(self) -> records.Prompt:
        """The prompt as it crosses to the science; needs `prompt_set` at hand."""
        return records.Prompt(
            text=tuple(records.Message(**turn) for turn in self.messages) or self.text,
            language=self.prompt_set.language_id,
            dataset=self.prompt_set.dataset,
            split=self.prompt_set.split,
        )
