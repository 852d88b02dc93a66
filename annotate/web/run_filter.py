"""The form above the list of runs: which of them to show."""

from urllib.parse import urlencode

from django import forms
from django.db.models import Prefetch, Q

from annotate.models import Attempt, Experiment, Language, Run
from annotate.models.runs import RunQuerySet

ANY = [("", "any")]
LONG_FIELDS = ("config", "metrics", "samples", "notes", "command", "result", "error")


class RunFilter(forms.Form):
    """Every field may be left open; what cannot be meant shows its sentence, and no run."""

    state = forms.ChoiceField(choices=[*ANY, *Run.Status.choices], required=False)
    kind = forms.ChoiceField(choices=[*ANY, *Run.Kind.choices], required=False)
    experiment = forms.ModelChoiceField(Experiment.objects.all(), empty_label="any", required=False)
    language = forms.ModelChoiceField(Language.objects.all(), empty_label="any", required=False)

    def runs(self) -> RunQuerySet:
        """The newest first, with what a row of the list shows."""
        under_way = Prefetch("attempts", Attempt.objects.under_way())
        rows = Run.objects.defer(*LONG_FIELDS).prefetch_related(under_way).order_by("-pk")
        if not self.is_bound:
            return rows
        return rows.filter(self._condition()) if self.is_valid() else rows.none()

    def query(self) -> str:
        """What the links to other pages of the list keep."""
        chosen = {name: self[name].value() for name in self.fields if self.is_bound and self[name].value()}
        return f"{urlencode(chosen)}&" if chosen else ""

    def _condition(self) -> Q:
        chosen = self.cleaned_data
        condition = Q()
        if chosen["state"]:
            condition &= Q(status=chosen["state"])
        if chosen["kind"]:
            condition &= Q(kind=chosen["kind"])
        if chosen["experiment"]:
            condition &= Q(experiments=chosen["experiment"])
        if chosen["language"]:
            condition &= Q(source=chosen["language"]) | Q(target=chosen["language"])
        return condition
