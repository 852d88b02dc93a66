"""The doors of annotate/access.py, as the API's permissions."""

from collections.abc import Callable

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from annotate.access import check_admin, check_researcher, signed_in
from annotate.models import User


class _ForRole(IsAuthenticated):
    check: Callable[[User], None]

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises NotAllowedError, whose sentence the client sees."""
        if not super().has_permission(request, view):
            return False
        type(self).check(signed_in(request))
        return True


class ForResearchers(_ForRole):
    """Researchers and admins."""

    check = staticmethod(check_researcher)


class ForAdmins(_ForRole):
    """Admins alone."""

    check = staticmethod(check_admin)
