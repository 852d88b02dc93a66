"""Signing in and out, and where each role begins."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from annotate.access import for_annotators, signed_in

app_name = "account"
urlpatterns = [
    path("sign-in/", LoginView.as_view(template_name="account/login.html"), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
]


@for_annotators
def home(request: HttpRequest) -> HttpResponse:
    """Researchers begin at the experiments, annotators at their studies."""
    return redirect("researcher:experiments" if signed_in(request).is_researcher else "annotator:home")
