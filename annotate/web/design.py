"""One page for staff that shows every component of the design system."""

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from annotate.access import for_admins
from annotate.models import Run


class SampleForm(forms.Form):
    """A field of each kind; bound to nothing it shows the errors, too."""

    name = forms.CharField(help_text="How the experiment is called on its pages.")
    task = forms.ChoiceField(choices=[("continuation", "Continuation"), ("dialog", "Dialog")])
    targets = forms.MultipleChoiceField(
        choices=[("es", "español"), ("vi", "Tiếng Việt"), ("ar", "العربية")],
        widget=forms.CheckboxSelectMultiple,
        help_text="Each target gets one pool of responses.",
    )
    seed = forms.IntegerField(required=False)


@require_GET
@for_admins
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "form": SampleForm({"task": "continuation", "targets": ["es"]}),
        "page": Paginator(range(60), 20).page(2),
        "run_states": Run.Status.values,
    }
    return render(request, "components/page.html", context)
