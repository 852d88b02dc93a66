"""One shape for every error of the API: {"error": sentence, "code": slug}."""

from typing import Any

from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from annotate.errors import AnnotateError


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error that a client can act on; None hands any other to Django's 500."""
    if isinstance(error, AnnotateError):
        return Response({"error": str(error), "code": error.code}, status=error.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    response.data = {"error": _sentence(error), "code": _code(error)}
    return response


def _code(error: Exception) -> str:
    if isinstance(error, Http404):
        return "not_found"
    if isinstance(error, exceptions.APIException):
        return str(error.default_code)
    return "not_allowed"


def _sentence(error: Exception) -> str:
    if isinstance(error, Http404):
        return "There is nothing at this address."
    if isinstance(error, exceptions.ValidationError):
        return _first_problem(error.detail)
    return str(error)


def _first_problem(detail: Any, field: str = "") -> str:
    """Name the first field that is wrong, and what is wrong with it."""
    if isinstance(detail, dict):
        name, problem = next(iter(detail.items()))
        return _first_problem(problem, "" if name == "non_field_errors" else str(name))
    if isinstance(detail, list):
        return _first_problem(detail[0], field)
    return f"{field}: {detail}" if field else str(detail)
