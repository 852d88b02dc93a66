"""Addresses of the API."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from annotate.api import views
from annotate.api.tokens import TokenView

router = SimpleRouter()
router.register("experiments", views.Experiments)
router.register("runs", views.Runs)

app_name = "api"
urlpatterns = [
    path("token/", TokenView.as_view(), name="token"),
    path("prompts/", views.PromptList.as_view(), name="prompts"),
    path("studies/", views.StudyList.as_view(), name="studies"),
    path("studies/<int:study_id>/<str:tag>/next/", views.NextComparison.as_view(), name="next"),
    path("studies/<int:study_id>/<str:tag>/verdicts/", views.SubmitVerdict.as_view(), name="verdicts"),
    path("studies/<int:study_id>/<str:tag>/skip/", views.SkipComparison.as_view(), name="skip"),
    *router.urls,
]
