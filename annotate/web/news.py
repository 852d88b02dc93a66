"""The news of whoever is signed in, and the bell that counts what they have not read."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET, require_POST

from annotate.access import for_researchers, signed_in
from annotate.models import Notification, User
from annotate.services import news

SHOWN_AT_MOST = 99  # by the bell


def bell(request: HttpRequest) -> dict[str, Any]:
    """A context processor; nothing is counted before a template shows it."""
    return {"unread": SimpleLazyObject(lambda: _count(signed_in(request)))}


def _count(person: User) -> str:
    """Empty where everything is read."""
    number = news.num_unread(person, at_most=SHOWN_AT_MOST + 1)
    return f"{SHOWN_AT_MOST}+" if number > SHOWN_AT_MOST else str(number or "")


@require_GET
@for_researchers
def page(request: HttpRequest) -> HttpResponse:
    rows = Notification.objects.filter(recipient=signed_in(request)).select_related("run", "experiment")
    return render(request, "news/page.html", {"page": Paginator(rows, 30).get_page(request.GET.get("page"))})


@require_POST
@for_researchers
def read_all(request: HttpRequest) -> HttpResponse:
    news.mark_read(signed_in(request), now=timezone.now())
    return redirect("news:page")


@require_POST
@for_researchers
def read(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Somebody else's is left as it is."""
    news.mark_read(signed_in(request), notification_id, now=timezone.now())
    return redirect("news:page")


app_name = "news"
urlpatterns = [
    path("", page, name="page"),
    path("read/", read_all, name="read_all"),
    path("<int:notification_id>/read/", read, name="read"),
]
