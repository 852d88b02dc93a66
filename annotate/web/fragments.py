"""Whether a request wants a whole page, or only the part that htmx puts in its place."""

from django.http import HttpRequest


def wants_fragment(request: HttpRequest) -> bool:
    """The request comes from htmx."""
    return request.headers.get("HX-Request") == "true"
