"""Pages of an admin who begins an experiment: the form, its plan, and the file that describes it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotate.access import experiment_to_read, for_admins, for_researchers, signed_in
from annotate.errors import ImpossiblePlanError
from annotate.models import Experiment
from annotate.services import experiments
from annotate.services.drafts import Draft
from annotate.services.experiment_files import write_experiment
from annotate.services.plans import Preview, preview
from annotate.services.presets import PRESETS
from annotate.web.experiment_form import ExperimentForm
from annotate.web.fragments import wants_fragment

REFUSED = 422


@require_http_methods(["GET", "POST"])
@for_admins
def new(request: HttpRequest) -> HttpResponse:
    """One form that creates an experiment and its runs; a GET fills it by ?preset= or ?clone=."""
    if request.method == "GET":
        return _page(request, ExperimentForm(initial=_initial(request)))
    form = ExperimentForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=REFUSED)
    experiment = form.draft().experiment(signed_in(request))
    languages = {name: form.languages(name) for name in ("sources", "targets")}
    try:
        experiments.launch(experiment, **languages)
    except ImpossiblePlanError:
        return _page(request, form, plan=_plan(request, form), status=REFUSED)
    messages.success(request, f"{experiment} is on its way.")
    return redirect("researcher:experiment", experiment.pk)


@require_POST
@for_admins
def plan(request: HttpRequest) -> HttpResponse:
    """What launching the form as it stands would do; the whole page where no script asks."""
    form = ExperimentForm(request.POST)
    found = _plan(request, form)
    if wants_fragment(request):
        return render(request, "launch/_plan.html", {"form": form, "plan": found})
    return _page(request, form, plan=found, status=200 if form.is_valid() else REFUSED)


@require_POST
@for_admins
def drafted_file(request: HttpRequest) -> HttpResponse:
    """The form as it stands, as a file to be launched later."""
    form = ExperimentForm(request.POST)
    return _file(form.draft()) if form.is_valid() else _page(request, form, status=REFUSED)


@require_GET
@for_researchers
def file(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """An experiment as the file that would launch it again."""
    return _file(Draft.of(experiment_to_read(signed_in(request), experiment_id)))


def _page(
    request: HttpRequest, form: ExperimentForm, *, plan: Preview | None = None, status: int = 200
) -> HttpResponse:
    context = {"form": form, "plan": plan, "presets": PRESETS.values()}
    return render(request, "launch/page.html", context, status=status)


def _plan(request: HttpRequest, form: ExperimentForm) -> Preview | None:
    """None for a form that is not complete."""
    if not form.is_valid():
        return None
    experiment = form.draft().experiment(signed_in(request))
    return preview(experiment, sources=form.languages("sources"), targets=form.languages("targets"))


def _initial(request: HttpRequest) -> dict[str, Any]:
    if clone := request.GET.get("clone"):
        experiment = get_object_or_404(Experiment, pk=clone if clone.isdecimal() else None)
        return Draft.of(experiment).as_dict() | {"name": f"{experiment.name} (changed)"[:120]}
    if preset := PRESETS.get(request.GET.get("preset", "")):
        return preset.draft.as_dict()
    return {"name": f"Experiment {Experiment.objects.count() + 1}"}


def _file(draft: Draft) -> HttpResponse:
    name = slugify(draft.name) or "experiment"
    disposition = {"Content-Disposition": f'attachment; filename="{name}.yaml"'}
    return HttpResponse(write_experiment(draft), content_type="application/yaml", headers=disposition)


urlpatterns = [
    path("experiments/new/", new, name="new"),
    path("experiments/plan/", plan, name="plan"),
    path("experiments/plan/experiment.yaml", drafted_file, name="drafted_file"),
    path("experiments/<int:experiment_id>/experiment.yaml", file, name="file"),
]
