"""What an admin does to a whole experiment, one POST each."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from annotate.access import experiment_to_read, for_admins, signed_in
from annotate.errors import AnnotateError
from annotate.models import Experiment
from annotate.services import control


@require_POST
@for_admins
def pause(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = experiment_to_read(signed_in(request), experiment_id)
    control.pause(found, by=signed_in(request), now=timezone.now())
    messages.info(request, f"{found} is paused; what it has done is kept.")
    return redirect("researcher:experiment", experiment_id)


@require_POST
@for_admins
def resume(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = experiment_to_read(signed_in(request), experiment_id)
    control.resume(found, by=signed_in(request))
    messages.success(request, f"{found} goes on where it left off.")
    return redirect("researcher:experiment", experiment_id)


@require_POST
@for_admins
def cancel(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = experiment_to_read(signed_in(request), experiment_id)
    cancelled = control.cancel(found, by=signed_in(request), now=timezone.now())
    num_kept = found.runs.unfinished().count()
    kept = f" Another experiment needs {_runs(num_kept)}; what it needs stays." if num_kept else ""
    messages.info(request, f"{found} is cancelled, with {_runs(cancelled)} that had not ended.{kept}")
    return redirect("researcher:experiment", experiment_id)


@require_POST
@for_admins
def priority(request: HttpRequest, experiment_id: int) -> HttpResponse:
    found = experiment_to_read(signed_in(request), experiment_id)
    wanted = _priority(request.POST.get("priority", ""))
    control.set_priority(found, wanted, by=signed_in(request))
    messages.success(request, f"{found} has {wanted.label.lower()} priority now.")
    return redirect("researcher:experiment", experiment_id)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _priority(value: str) -> Experiment.Priority:
    try:
        return Experiment.Priority(int(value))
    except ValueError as error:
        raise AnnotateError("A priority is low, normal or high: choose one of these.") from error


app_name = "control"
urlpatterns = [
    path("<int:experiment_id>/pause/", pause, name="pause"),
    path("<int:experiment_id>/resume/", resume, name="resume"),
    path("<int:experiment_id>/cancel/", cancel, name="cancel"),
    path("<int:experiment_id>/priority/", priority, name="priority"),
]
