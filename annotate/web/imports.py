"""The page for data: what is there, and a form that imports a file or says what that would do."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from alignment.data.formats.format import Defaults
from alignment.data.formats.registry import FORMATS
from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.records import SPLITS
from alignment.tasks import TASKS
from annotate.access import for_researchers, signed_in
from annotate.models import PromptSet
from annotate.services import audit
from annotate.services.imports import ImportPlan, facts_of, import_file
from annotate.web.datasets import all_datasets

MAX_UPLOAD_MIB = 20


class ImportForm(forms.Form):
    """A file, and what its lines mean where they do not say so themselves."""

    file = forms.FileField(help_text=f"At most {MAX_UPLOAD_MIB} MiB, as it is or compressed with gzip.")
    format = forms.ChoiceField(choices=[(form.key, form.name) for form in FORMATS.values()])
    task = forms.ChoiceField(choices=[(task.key, task.name) for task in TASKS.values()])
    dataset = forms.CharField(
        label="Data set",
        required=False,
        max_length=PromptSet.dataset.field.max_length,
        help_text="For lines that name none.",
    )
    language = forms.CharField(
        required=False,
        max_length=35,
        help_text="For lines that name none: a BCP 47 tag such as es or zh-Hant.",
    )
    split = forms.ChoiceField(
        choices=[(split, split) for split in SPLITS], help_text="For lines that name none."
    )
    licence = forms.CharField(
        required=False,
        max_length=PromptSet.licence.field.max_length,
        help_text="Kept with sets that are new.",
    )

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_UPLOAD_MIB * 2**20:
            raise ValidationError(
                f"This file has more than {MAX_UPLOAD_MIB} MiB; import it with python manage.py import_data."
            )
        return file

    def clean_language(self) -> str:
        tag: str = self.cleaned_data["language"]
        try:
            return language_named(tag).tag if tag else ""
        except AlignmentError as error:
            raise ValidationError(str(error)) from error

    def plan(self, *, dry_run: bool) -> ImportPlan:
        """What a valid form asks for."""
        said: dict[str, Any] = self.cleaned_data
        return ImportPlan(
            format=FORMATS[said["format"]],
            task=said["task"],
            defaults=Defaults(language=said["language"], dataset=said["dataset"], split=said["split"]),
            licence=said["licence"],
            dry_run=dry_run,
        )


@require_http_methods(["GET", "POST"])
@for_researchers
def page(request: HttpRequest) -> HttpResponse:
    """Import the file that was sent, or only say what that would do; show what there is."""
    form = ImportForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        plan = form.plan(dry_run="check" in request.POST)
        file = form.cleaned_data["file"]
        report = import_file(file, plan, now=timezone.now())
        if not plan.dry_run:
            audit.record(signed_in(request), "data.imported", **facts_of(plan, report, file.name or ""))
        context |= {"plan": plan, "report": report, "added": sorted(report.added.items()), "name": file.name}
    context["datasets"] = all_datasets()
    return render(request, "imports/page.html", context, status=422 if form.errors else 200)


app_name = "imports"
urlpatterns = [path("", page, name="page")]
