"""Addresses of the API."""

from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import SimpleRouter

from annotate.api import views

router = SimpleRouter()
router.register("experiments", views.Experiments)
router.register("runs", views.Runs)

app_name = "api"
urlpatterns = [
    path("token/", obtain_auth_token, name="token"),
    path("prompts/", views.PromptList.as_view(), name="prompts"),
    path("studies/", views.StudyList.as_view(), name="studies"),
    path("studies/<int:study_id>/<str:tag>/next/", views.NextComparison.as_view(), name="next"),
    path("studies/<int:study_id>/<str:tag>/verdicts/", views.SubmitVerdict.as_view(), name="verdicts"),
    path("studies/<int:study_id>/<str:tag>/skip/", views.SkipComparison.as_view(), name="skip"),
    *router.urls,
]
