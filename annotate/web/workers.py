"""The page of the workers: who is alive, what each does, and what waits."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from annotate.access import for_researchers
from annotate.services.workplace import gone, workplace
from annotate.web.fragments import wants_fragment


@require_GET
@for_researchers
def page(request: HttpRequest) -> HttpResponse:
    """The same view gives the part that is polled."""
    now = timezone.now()
    context = {"now": now, "as_of": now.timestamp(), "workplace": workplace(now=now)}
    if wants_fragment(request):
        return render(request, "workers/_live.html", context)
    return render(request, "workers/page.html", context | {"gone": gone(now=now)})


app_name = "workers"
urlpatterns = [path("", page, name="page")]
