"""Pages of runs: watch one, stop it, start it again."""

import hashlib

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET, require_POST

from annotate.access import for_admins, for_researchers, run_to_read, signed_in
from annotate.errors import AnnotateError
from annotate.models import Run
from annotate.services import runs
from annotate.services.curves import newest_points, points_since
from annotate.services.inputs import inputs_of
from annotate.services.logs import log_tail
from annotate.services.rates import measured
from annotate.services.remaining import seconds_left, timed
from annotate.services.workers import waiting_reason
from annotate.web.fragments import wants_fragment
from annotate.web.run_filter import RunFilter


@require_GET
@for_researchers
def runs_page(request: HttpRequest) -> HttpResponse:
    """Every run, the newest first, or those that the form asks for."""
    form = RunFilter(request.GET or None)
    page = Paginator(form.runs(), 50).get_page(request.GET.get("page"))
    context = {"page": page, "rows": timed(page), "form": form, "query": form.query()}
    return render(request, "runs/list.html", context)


@require_GET
@for_researchers
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """What a run does, did, needs and left behind; the same view gives the part that is polled."""
    now = timezone.now()
    found = run_to_read(signed_in(request), run_id)
    template = "runs/_live.html" if wants_fragment(request) else "runs/page.html"
    attempts = list(found.attempts.all())
    context = {
        "run": found,
        "as_of": now.timestamp(),
        "seconds_left": seconds_left(found, attempts, measured()) if found.status == "running" else None,
        "waiting_reason": waiting_reason(found, now=now),
        "curves": newest_points(found),
        "attempts": attempts,
        "inputs": inputs_of(found),
        "parents": found.parents.all(),
        "children": found.children.all(),
        "experiments": found.experiments.all(),
        "artifacts": found.artifacts.all(),
        "log": log_tail(found),
    }
    return render(request, template, context)


@require_GET
@for_researchers
def curves(request: HttpRequest, run_id: int) -> HttpResponse:
    """The points of a run's curves that the page does not have yet."""
    found = run_to_read(signed_in(request), run_id)
    points = points_since(found, since=_number(request, "after"), attempt=_number(request, "attempt"))
    response = JsonResponse(points, headers={"Cache-Control": "private, no-cache"})
    response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def _number(request: HttpRequest, name: str) -> int:
    """A number of the address; -1, which stands for none, where it is left out."""
    try:
        return int(request.GET.get(name, -1))
    except ValueError:
        raise AnnotateError(f"{name} is a whole number, such as 120.") from None


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
    path("runs/", runs_page, name="runs"),
    path("runs/<int:run_id>/", run, name="run"),
    path("runs/<int:run_id>/curves.json", curves, name="curves"),
    path("runs/<int:run_id>/cancel/", cancel, name="cancel"),
    path("runs/<int:run_id>/retry/", retry, name="retry"),
]
