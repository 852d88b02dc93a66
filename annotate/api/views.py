"""The API's answers: the same services as the pages, as JSON."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from alignment.statistics.win_rate import BothBad
from annotate.access import experiment_to_read, signed_in, study_to_judge
from annotate.api import serializers
from annotate.api.control import ExperimentControl
from annotate.api.permissions import ForAdmins, ForResearchers
from annotate.models import Assignment, Experiment, Prompt, Run
from annotate.services import experiments, runs
from annotate.services.assignment import lease_next, skip
from annotate.services.downloads import note_download, win_rate_rows
from annotate.services.judging import Answer, record_judgment
from annotate.services.progress import studies_for
from annotate.sides import Verdict


class PromptList(generics.ListAPIView[Prompt]):
    """Prompts, by language, data set and split where these are given."""

    permission_classes = [ForResearchers]
    serializer_class = serializers.PromptSerializer
    filters = ("task", "dataset", "language", "split")

    def get_queryset(self) -> QuerySet[Prompt]:
        wanted = {
            f"prompt_set__{name}": self.request.query_params[name]
            for name in self.filters
            if name in self.request.query_params
        }
        return Prompt.objects.filter(**wanted).select_related("prompt_set").order_by("pk")

    @extend_schema(parameters=[OpenApiParameter(name) for name in filters])
    def get(self, request: Request, *args: Any, **names: Any) -> Response:
        return super().get(request, *args, **names)


class StudyList(APIView):
    """The studies that the caller may judge, language by language, with their progress."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=serializers.StudyProgressSerializer(many=True))
    def get(self, request: Request) -> Response:
        studies = studies_for(signed_in(request), now=timezone.now())
        return Response(serializers.StudyProgressSerializer(studies, many=True).data)


class NextComparison(APIView):
    """Lease the next comparison of a study in a language. 204 where nothing is left for the caller."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=None, responses={200: serializers.SeatSerializer, 204: None})
    def post(self, request: Request, study_id: int, tag: str) -> Response:
        study, language = study_to_judge(signed_in(request), study_id, tag)
        seat = lease_next(study, language, signed_in(request), now=timezone.now())
        return Response(serializers.SeatSerializer(seat).data) if seat else Response(status=204)


class SubmitVerdict(APIView):
    """Store the caller's verdict on a comparison that they have leased."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=serializers.VerdictSerializer, responses={201: serializers.StoredSerializer})
    def post(self, request: Request, study_id: int, tag: str) -> Response:
        form = serializers.VerdictSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        answer = Answer(
            verdict=Verdict(form.validated_data["verdict"]),
            seconds=form.validated_data.get("seconds"),
            rationale=form.validated_data["rationale"],
        )
        seat = _seat(request, study_id, tag, form.validated_data["assignment"])
        judgment = record_judgment(seat, signed_in(request), answer, now=timezone.now())
        return Response(serializers.StoredSerializer(judgment).data, status=201)


class SkipComparison(APIView):
    """Leave a leased comparison to somebody else."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=serializers.SkipSerializer, responses={204: None})
    def post(self, request: Request, study_id: int, tag: str) -> Response:
        form = serializers.SkipSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        seat = _seat(request, study_id, tag, form.validated_data["assignment"])
        skip(seat, signed_in(request), now=timezone.now())
        return Response(status=204)


def _seat(request: Request, study_id: int, tag: str, assignment_id: int) -> Assignment:
    study, language = study_to_judge(signed_in(request), study_id, tag)
    seats = Assignment.objects.filter(comparison__study=study, comparison__language=language)
    return get_object_or_404(seats, pk=assignment_id)


class Experiments(
    ExperimentControl,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Experiment],
):
    """Experiments: researchers read them and their results, admins launch them."""

    serializer_class = serializers.ExperimentSerializer
    queryset = Experiment.objects.select_related("study").prefetch_related("sources", "targets", "runs")
    lookup_value_regex = "[0-9]+"

    def get_permissions(self) -> list[BasePermission]:
        return [ForResearchers() if self.request.method in SAFE_METHODS else ForAdmins()]

    def perform_create(self, serializer: BaseSerializer[Experiment]) -> None:
        fields = dict(serializer.validated_data)
        languages = {name: fields.pop(name) for name in ("sources", "targets")}
        serializer.instance = experiments.launch(
            Experiment(**fields, created_by=signed_in(self.request)), **languages
        )

    @extend_schema(responses=serializers.RunSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def runs(self, request: Request, pk: int) -> Response:
        """The runs of an experiment, parents before children."""
        experiment = experiment_to_read(signed_in(request), int(pk))
        rows = experiment.runs.prefetch_related("parents")
        return Response(serializers.RunSerializer(rows, many=True).data)

    @extend_schema(
        parameters=[OpenApiParameter("both_bad", enum=[str(choice) for choice in BothBad])],
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True, pagination_class=None)
    def results(self, request: Request, pk: int) -> Response:
        """The win rate of every cell that has a verdict; "both bad" counts as a tie unless left out."""
        experiment = experiment_to_read(signed_in(request), int(pk))
        left_out = request.query_params.get("both_bad") == BothBad.LEFT_OUT
        both_bad = BothBad.LEFT_OUT if left_out else BothBad.TIE
        note_download(signed_in(request), experiment, "win rates by the API", both_bad)
        return Response(list(win_rate_rows(experiment, both_bad)))


class Runs(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Run]):
    """Runs: researchers read them, admins cancel them and start them again."""

    serializer_class = serializers.RunSerializer
    queryset = Run.objects.prefetch_related("parents")
    lookup_value_regex = "[0-9]+"

    def get_permissions(self) -> list[BasePermission]:
        return [ForResearchers() if self.request.method in SAFE_METHODS else ForAdmins()]

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Ask the run to stop."""
        runs.cancel(self.get_object(), by=signed_in(request), now=timezone.now())
        return self._current()

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: int) -> Response:
        """Start a failed or cancelled run again where it left off."""
        runs.retry(self.get_object(), by=signed_in(request))
        return self._current()

    def _current(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)
