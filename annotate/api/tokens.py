"""Tokens for programs: shown for a user name and a password, and noted in the audit trail."""

from typing import Any

from django.db import transaction
from rest_framework.authtoken.models import Token
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.request import Request
from rest_framework.response import Response

from annotate.services import audit


class TokenView(ObtainAuthToken):
    """The framework's; a token is made the first time and shown again later."""

    def post(self, request: Request, *args: Any, **names: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)  # outside the transaction: a failure is to be remembered
        owner = serializer.validated_data["user"]
        with transaction.atomic():
            token, _ = Token.objects.get_or_create(user=owner)
            audit.record(owner, "token.added", owner)
        return Response({"token": token.key})
