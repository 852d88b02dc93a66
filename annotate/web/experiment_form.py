"""The launch form: offers what has data here, and whatever a preset or another experiment names."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from alignment.languages import LANGUAGES
from alignment.tasks import TASKS
from annotate.models import Experiment, Language
from annotate.services.drafts import Draft
from annotate.services.languages import drafted_language
from annotate.validators import check_source
from annotate.web.datasets import Dataset, all_datasets

SOURCE_HELP = "A directory, a hub id with its revision (organisation/name@revision), or package:name."
AS_IT_IS = ("", "None: the base policy is used as it is")


class ExperimentForm(forms.ModelForm[Experiment]):
    """Everything that an experiment needs, in one form; the plan tells what is missing."""

    task = forms.ChoiceField(choices=[(task.key, task.name) for task in TASKS.values()])
    sources = forms.MultipleChoiceField(label="Source languages", widget=forms.CheckboxSelectMultiple)
    targets = forms.MultipleChoiceField(label="Target languages", widget=forms.CheckboxSelectMultiple)
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
        help_text="How much of the backbone is trained. SFT policies are trained by LoRA, or full if it is.",
    )

    class Meta:
        model = Experiment
        fields = [
            "name",
            "task",
            "feedback",
            "prompts",
            "demonstrations",
            "policy",
            "backbone",
            "method",
            "n",
            "num_prompts",
            "votes_wanted",
            "half_width",
            "seed",
            "priority",
        ]
        labels = {
            "feedback": "Preferences",
            "prompts": "Prompts",
            "demonstrations": "Demonstrations",
            "n": "Responses per prompt (n)",
            "num_prompts": "Prompts per target language",
            "votes_wanted": "Votes per comparison",
            "half_width": "Wanted half-width",
        }
        help_texts = {
            "feedback": "Preferences or ratings that reward models learn from and are tested on.",
            "prompts": "What the policy responds to in the target languages.",
            "demonstrations": "Responses that the base policy is fine-tuned on first, target by target.",
            "half_width": "Of the 95 % intervals: 0.1 is ten points to each side.",
        }

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        datasets = all_datasets()
        learnable = [dataset for dataset in datasets if dataset.training]
        answerable = [dataset for dataset in datasets if dataset.prompts]
        self.fields["task"].initial = next((dataset.task for dataset in learnable), None)
        self._offer_datasets("feedback", learnable)
        self._offer_datasets("prompts", answerable)
        self._offer_datasets("demonstrations", [one for one in datasets if one.demonstrations], AS_IT_IS)
        self._offer_languages("sources", [held for dataset in learnable for held in dataset.training])
        self._offer_languages("targets", [held for dataset in answerable for held in dataset.prompts])

    def languages(self, name: str) -> list[Language]:
        """The chosen ones, of a valid form; those without a row are not saved."""
        return [drafted_language(tag) for tag in self.cleaned_data[name]]

    def draft(self) -> Draft:
        """What a valid form describes."""
        said: dict[str, Any] = {name: self.cleaned_data[name] for name in self.Meta.fields}
        tags: dict[str, Any] = {
            name: tuple(sorted(self.cleaned_data[name])) for name in ("sources", "targets")
        }
        return Draft(**said, **tags)

    def _offer_datasets(self, name: str, datasets: list[Dataset], *others: tuple[str, str]) -> None:
        """The template shows what is in each; the first of the first task is chosen to begin with."""
        field, task = self.fields[name], self.fields["task"].initial
        offered = [*datasets, *self._absent(name, datasets)]
        first = next((dataset.name for dataset in datasets if dataset.task == task), None)
        self.fields[name] = forms.ChoiceField(
            choices=[*others, *((dataset.name, dataset) for dataset in offered)],
            widget=forms.RadioSelect,
            label=field.label,
            help_text=field.help_text,
            initial="" if others else first,
            required=not others,
        )

    def _absent(self, name: str, datasets: list[Dataset]) -> list[Dataset]:
        """The data set that is named and not here, so that the plan can say what to import."""
        known = {(dataset.name, dataset.task) for dataset in datasets}
        return [
            Dataset(name=named, task=task, parts=[], num_demonstrations=[])
            for named in self._said(name)
            for task in self._said("task")
            if named and (named, task) not in known
        ]

    def _offer_languages(self, name: str, held: Iterable[tuple[Language, int]]) -> None:
        offered = {language.tag: language.autonym for language, _ in held}
        for tag in self._said(name):
            if tag in LANGUAGES:
                offered.setdefault(tag, LANGUAGES[tag].autonym)
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 (declared above)
        field.choices = sorted(offered.items())

    def _said(self, name: str) -> list[str]:
        """What was sent, or what the form begins with; its fields are not complete yet."""
        if isinstance(self.data, QueryDict) and self.is_bound:
            return [str(value) for value in self.data.getlist(name)]
        value = self.initial.get(name) or ()
        return [value] if isinstance(value, str) else list(value)
