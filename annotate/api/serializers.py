"""Shapes of the API: what goes out and what may come in; they decide nothing."""

from typing import Any

from rest_framework import serializers

from annotate.models import Assignment, Experiment, Language, Prompt, Run, Study
from annotate.sides import Verdict, left_and_right
from annotate.validators import check_source


class LanguageSerializer(serializers.ModelSerializer[Language]):
    class Meta:
        model = Language
        fields = ["tag", "autonym", "english_name", "script", "direction"]


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    language = serializers.CharField(source="prompt_set.language_id")
    dataset = serializers.CharField(source="prompt_set.dataset")
    split = serializers.CharField(source="prompt_set.split")
    task = serializers.CharField(source="prompt_set.task")

    class Meta:
        model = Prompt
        fields = ["id", "task", "dataset", "language", "split", "text", "messages"]


class StudySerializer(serializers.ModelSerializer[Study]):
    class Meta:
        model = Study
        fields = ["id", "name", "purpose", "task", "status", "votes_wanted", "experiment"]


class StudyProgressSerializer(serializers.Serializer[Any]):
    """A study in one language, as far as the caller has come."""

    study = StudySerializer()
    language = LanguageSerializer()
    num_judged = serializers.IntegerField()
    num_open = serializers.IntegerField()
    num_comparisons = serializers.IntegerField()


class SeatSerializer(serializers.ModelSerializer[Assignment]):
    """A comparison to judge, in the order to show; nothing tells which system wrote what."""

    assignment = serializers.IntegerField(source="pk")
    language = serializers.CharField(source="comparison.language_id")
    prompt = serializers.SerializerMethodField()
    left = serializers.SerializerMethodField()
    right = serializers.SerializerMethodField()

    class Meta:
        model = Assignment
        fields = ["assignment", "lease_ends", "language", "prompt", "left", "right"]

    def get_prompt(self, seat: Assignment) -> str | list[dict[str, str]]:
        prompt = seat.comparison.prompt
        return prompt.messages or prompt.text

    def get_left(self, seat: Assignment) -> str:
        return self._shown(seat)[0]

    def get_right(self, seat: Assignment) -> str:
        return self._shown(seat)[1]

    def _shown(self, seat: Assignment) -> tuple[str, str]:
        pair = seat.comparison
        return left_and_right(pair.first.text, pair.second.text, swapped=seat.swapped)


class VerdictSerializer(serializers.Serializer[Any]):
    """What an annotator answers."""

    assignment = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=[str(verdict) for verdict in Verdict])
    seconds = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=86_400)
    rationale = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class SkipSerializer(serializers.Serializer[Any]):
    """A seat that is passed on."""

    assignment = serializers.IntegerField()


class StoredSerializer(serializers.Serializer[Any]):
    """The verdict as it was stored."""

    judgment = serializers.IntegerField(source="pk")
    created_at = serializers.DateTimeField()


class RunSerializer(serializers.ModelSerializer[Run]):
    class Meta:
        model = Run
        fields = [
            "id",
            "kind",
            "title",
            "status",
            "source",
            "target",
            "parents",
            "done",
            "total",
            "unit",
            "queue",
            "priority",
            "memory_needed",
            "attempt",
            "worker",
            "code_version",
            "notes",
            "error",
            "error_kind",
            "result",
            "config",
            "identity",
            "created_at",
            "started_at",
            "finished_at",
        ]


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    """An experiment; its runs and study are made by launching it."""

    sources = serializers.PrimaryKeyRelatedField(
        many=True, allow_empty=False, queryset=Language.objects.all()
    )
    targets = serializers.PrimaryKeyRelatedField(
        many=True, allow_empty=False, queryset=Language.objects.all()
    )
    method = serializers.ChoiceField(choices=["frozen", "lora", "full"], default="frozen")
    study = serializers.PrimaryKeyRelatedField[Study](read_only=True)
    runs = serializers.PrimaryKeyRelatedField[Run](many=True, read_only=True)

    class Meta:
        model = Experiment
        fields = [
            "id",
            "name",
            "task",
            "policy",
            "backbone",
            "method",
            "feedback",
            "prompts",
            "demonstrations",
            "sources",
            "targets",
            "n",
            "num_prompts",
            "votes_wanted",
            "half_width",
            "seed",
            "priority",
            "paused_at",
            "cancelled_at",
            "created_at",
            "study",
            "runs",
        ]
        read_only_fields = ["paused_at", "cancelled_at", "created_at"]
        extra_kwargs = {name: {"validators": [check_source]} for name in ("policy", "backbone")}
