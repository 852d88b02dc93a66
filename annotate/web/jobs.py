"""Pages of an admin: launch an experiment, watch a run, stop it, start it again."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from annotate.access import for_admins, for_researchers, run_to_read, signed_in
from annotate.errors import ImpossiblePlanError
from annotate.models import Experiment, Run
from annotate.services import experiments, runs
from annotate.services.logs import log_tail
from annotate.web.forms import ExperimentForm
from annotate.web.fragments import wants_fragment


@for_admins
def new(request: HttpRequest) -> HttpResponse:
    """One form that creates an experiment and its runs."""
    form = ExperimentForm(
        request.POST or None, initial={"name": f"Experiment {Experiment.objects.count() + 1}"}
    )
    if request.method == "POST" and form.is_valid():
        experiment = form.save(commit=False)
        experiment.created_by = signed_in(request)
        try:
            experiments.launch(
                experiment,
                sources=list(form.cleaned_data["sources"]),
                targets=list(form.cleaned_data["targets"]),
            )
        except ImpossiblePlanError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{experiment} is on its way.")
            return redirect("researcher:experiment", experiment.pk)
    return render(request, "launch/page.html", {"form": form}, status=200 if not form.errors else 422)


@require_GET
@for_researchers
def runs_page(request: HttpRequest) -> HttpResponse:
    rows = Run.objects.select_related("source", "target").order_by("-pk")
    return render(request, "runs/list.html", {"page": Paginator(rows, 50).get_page(request.GET.get("page"))})


@require_GET
@for_researchers
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """What a run does, did, needs and left behind; the same view gives the part that is polled."""
    found = run_to_read(signed_in(request), run_id)
    template = "runs/_live.html" if wants_fragment(request) else "runs/page.html"
    context = {
        "run": found,
        "parents": found.parents.all(),
        "children": found.children.all(),
        "experiments": found.experiments.all(),
        "artifacts": found.artifacts.all(),
        "log": log_tail(found),
    }
    return render(request, template, context)


@require_POST
@for_admins
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    found = get_object_or_404(Run, pk=run_id)
    runs.cancel(found, by=signed_in(request), now=timezone.now())
    messages.info(request, f"{found} was asked to stop.")
    return redirect("launch:run", run_id)


@require_POST
@for_admins
def retry(request: HttpRequest, run_id: int) -> HttpResponse:
    found = get_object_or_404(Run, pk=run_id)
    runs.retry(found, by=signed_in(request))
    messages.info(request, f"{found} starts again where it left off.")
    return redirect("launch:run", run_id)


app_name = "launch"
urlpatterns = [
    path("experiments/new/", new, name="new"),
    path("runs/", runs_page, name="runs"),
    path("runs/<int:run_id>/", run, name="run"),
    path("runs/<int:run_id>/cancel/", cancel, name="cancel"),
    path("runs/<int:run_id>/retry/", retry, name="retry"),
]
