"""An AnnotateError becomes a page that says what to do, once, here."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotate.errors import AnnotateError
from annotate.web.fragments import wants_fragment


class AnnotateErrorMiddleware:
    """Render an AnnotateError with its own status: a fragment for htmx, a page for everybody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, AnnotateError):
            return None
        template = "errors/_message.html" if wants_fragment(request) else "errors/page.html"
        return render(request, template, {"message": str(error), "status": error.status}, status=error.status)


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: also for a form whose protection token is missing or old."""
    return _page(request, 403, "This is not yours to open. Go back, or sign in with another account.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return _page(
        request, 404, "There is nothing at this address. Check it, or start again from your home page."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500: nothing is looked up for this page, so that it also works when the database does not."""
    return render(request, "errors/500.html", status=500)


def _page(request: HttpRequest, status: int, message: str) -> HttpResponse:
    return render(request, "errors/page.html", {"message": message, "status": status}, status=status)
