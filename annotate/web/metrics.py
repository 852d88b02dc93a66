"""Numbers for Prometheus, behind a token of their own."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from annotate.services import metrics


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """404 where no token is set, 401 without the right one."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # Compared in constant time, so that nobody finds the token letter by letter.
    right = hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if scheme.lower() != "bearer" or not right:
        return HttpResponse(
            "Show the token: Authorization: Bearer …\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse(metrics.as_text(now=timezone.now()), content_type=CONTENT_TYPE_LATEST)
