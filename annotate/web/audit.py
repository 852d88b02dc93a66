"""The audit trail, for admins: who did what when, to be filtered and downloaded."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from annotate.access import for_admins, signed_in
from annotate.models import User
from annotate.services import audit
from annotate.services.downloads import as_csv
from annotate.services.trail import Wanted, page_of, read_cursor, rows

KINDS = ("experiment", "group", "language", "run", "study", "user")


class FilterForm(forms.Form):
    """Nothing is required; what is said narrows the trail down."""

    who = forms.CharField(required=False, max_length=150, label="User name")
    action = forms.ChoiceField(
        required=False, choices=[("", "everything"), *sorted(audit.ACTIONS.items(), key=lambda pair: pair[1])]
    )
    kind = forms.ChoiceField(
        label="To what", required=False, choices=[("", "anything"), *((kind, kind) for kind in KINDS)]
    )
    number = forms.CharField(required=False, max_length=64, label="Its number")
    first_day = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean_who(self) -> User | None:
        name: str = self.cleaned_data["who"]
        person = User.objects.filter(username=name).first() if name else None
        if name and person is None:
            raise ValidationError(f"Nobody here is called {name}.")
        return person

    def clean(self) -> None:
        if self.cleaned_data.get("number") and not self.cleaned_data.get("kind"):
            self.add_error("kind", "Say what the number is of.")

    def wanted(self) -> Wanted:
        """What a valid form asks for."""
        said: dict[str, Any] = self.cleaned_data
        return Wanted(
            actor=said["who"],
            action=said["action"],
            subject_kind=said["kind"],
            subject_id=said["number"],
            first_day=said["first_day"],
            last_day=said["last_day"],
        )


@require_GET
@for_admins
def page(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context["page"] = page_of(form.wanted(), read_cursor(request.GET.get("before", "")))
        kept = request.GET.copy()
        kept.pop("before", None)
        context["query"] = kept.urlencode()
    return render(request, "audit/page.html", context, status=200 if form.is_valid() else 422)


@require_GET
@for_admins
def download(request: HttpRequest) -> HttpResponseBase:
    """What the page is filtered to, all of it. The download is an entry of its own."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return render(request, "audit/page.html", {"form": form}, status=422)
    said = {name: request.GET[name] for name in form.changed_data}
    audit.record(signed_in(request), "audit.downloaded", None, **said)
    response = StreamingHttpResponse(as_csv(rows(form.wanted())), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return response


app_name = "audit"
urlpatterns = [
    path("", page, name="page"),
    path("audit-trail.csv", download, name="download"),
]
