"""Forms: what a page sends becomes what a service takes, or a sentence beside the field."""

from django import forms

from annotate.errors import AnnotateError
from annotate.services.judging import Answer
from annotate.sides import Verdict


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
