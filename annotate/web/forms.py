"""Forms: what a page sends becomes what a service takes, or a sentence beside the field."""

from typing import Any, cast

from django import forms

from alignment.tasks import TASKS
from annotate.errors import AnnotateError
from annotate.models import Experiment, Language
from annotate.services.judging import Answer
from annotate.sides import Verdict
from annotate.validators import check_source
from annotate.web.datasets import Dataset, all_datasets


class AnswerForm(forms.Form):
    """A verdict on one comparison."""

    verdict = forms.ChoiceField(choices=[(verdict, verdict) for verdict in Verdict])
    seconds = forms.FloatField(required=False, min_value=0, max_value=86_400)
    rationale = forms.CharField(required=False, max_length=2000)


def read_answer(form: AnswerForm) -> Answer:
    """Raises AnnotateError when there is no verdict to be stored; a broken clock loses only the seconds."""
    form.full_clean()
    if "verdict" in form.errors:
        raise AnnotateError("Choose one of the answers below the two texts.")
    return Answer(
        verdict=Verdict(form.cleaned_data["verdict"]),
        seconds=form.cleaned_data.get("seconds"),
        rationale=form.cleaned_data.get("rationale", ""),
    )


SOURCE_HELP = "A directory, a hub id with its revision (organisation/name@revision), or package:name."


class ExperimentForm(forms.ModelForm[Experiment]):
    """Everything that an experiment needs, in one form; only what has data can be chosen."""

    task = forms.ChoiceField(choices=[(task.key, task.name) for task in TASKS.values()])
    policy = forms.CharField(
        label="Base policy",
        initial="package:gemma3-270m",
        max_length=300,
        help_text=SOURCE_HELP,
        validators=[check_source],
    )
    backbone = forms.CharField(
        label="Reward-model backbone",
        initial="package:multilingual-e5-small",
        max_length=300,
        help_text=SOURCE_HELP,
        validators=[check_source],
    )
    method = forms.ChoiceField(
        choices=[
            ("frozen", "frozen backbone, linear head (seconds on a CPU)"),
            ("lora", "LoRA"),
            ("full", "full fine-tuning"),
        ],
        initial="frozen",
        help_text="How much of the backbone is trained.",
    )

    class Meta:
        model = Experiment
        fields = [
            "name",
            "task",
            "feedback",
            "sources",
            "prompts",
            "targets",
            "policy",
            "backbone",
            "method",
            "n",
            "num_prompts",
            "votes_wanted",
            "seed",
        ]
        labels = {
            "feedback": "Preferences",
            "sources": "Source languages",
            "prompts": "Prompts",
            "targets": "Target languages",
            "n": "Responses per prompt (n)",
            "num_prompts": "Prompts per target language",
            "votes_wanted": "Votes per comparison",
        }
        help_texts = {
            "feedback": "Preferences or ratings that reward models learn from and are tested on.",
            "prompts": "What the policy responds to in the target languages.",
        }
        widgets = {"sources": forms.CheckboxSelectMultiple, "targets": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        datasets = all_datasets()
        learnable = [dataset for dataset in datasets if dataset.training]
        answerable = [dataset for dataset in datasets if dataset.prompts]
        self.fields["task"].initial = next((dataset.task for dataset in learnable), None)
        self._offer_datasets("feedback", learnable)
        self._offer_datasets("prompts", answerable)
        self._offer_languages("sources", [held for dataset in learnable for held in dataset.training])
        self._offer_languages("targets", [held for dataset in answerable for held in dataset.prompts])

    def _offer_datasets(self, name: str, datasets: list[Dataset]) -> None:
        """The template shows what is in each; the first of the first task is chosen to begin with."""
        field = self.fields[name]
        task = self.fields["task"].initial
        self.fields[name] = forms.ChoiceField(
            choices=[(dataset.name, dataset) for dataset in datasets],
            widget=forms.RadioSelect,
            label=field.label,
            help_text=field.help_text,
            initial=next((dataset.name for dataset in datasets if dataset.task == task), None),
        )

    def _offer_languages(self, name: str, held: list[tuple[Language, int]]) -> None:
        field = cast(forms.ModelMultipleChoiceField[Language], self.fields[name])
        field.queryset = Language.objects.filter(pk__in=[language.pk for language, _ in held])
