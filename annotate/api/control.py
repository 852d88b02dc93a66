"""What an admin does to a whole experiment, by the API: the same services as the pages."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from annotate.access import signed_in
from annotate.models import Experiment
from annotate.services import control


class PrioritySerializer(serializers.Serializer[Any]):
    """How urgent an experiment is."""

    priority = serializers.ChoiceField(choices=Experiment.Priority.choices)


class ControlSerializer(serializers.ModelSerializer[Experiment]):
    """Whether an experiment goes on, and how urgent it is."""

    class Meta:
        model = Experiment
        fields = ["id", "priority", "paused_at", "cancelled_at"]


class ExperimentControl:
    """Actions of the set of experiments; its permissions let only admins in by POST."""

    @extend_schema(request=None, responses=ControlSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: int) -> Response:
        """Start nothing more, and give back what is under way."""
        control.pause(_found(pk), by=signed_in(request), now=timezone.now())
        return _current(pk)

    @extend_schema(request=None, responses=ControlSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: int) -> Response:
        """Let a paused or cancelled experiment go on where it left off."""
        control.resume(_found(pk), by=signed_in(request))
        return _current(pk)

    @extend_schema(request=None, responses=ControlSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Cancel the unfinished runs that no other experiment needs."""
        control.cancel(_found(pk), by=signed_in(request), now=timezone.now())
        return _current(pk)

    @extend_schema(request=PrioritySerializer, responses=ControlSerializer)
    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: int) -> Response:
        """Make it more or less urgent: -1 is low, 0 normal, 1 high."""
        form = PrioritySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = Experiment.Priority(form.validated_data["priority"])
        control.set_priority(_found(pk), wanted, by=signed_in(request))
        return _current(pk)


def _found(pk: int) -> Experiment:
    return get_object_or_404(Experiment, pk=pk)


def _current(pk: int) -> Response:
    return Response(ControlSerializer(_found(pk)).data)
