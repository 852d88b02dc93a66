"""Signing in and out, where each role begins, and what people keep about themselves."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from annotate.access import for_annotators, signed_in
from annotate.errors import AnnotateError
from annotate.models import Delivery, User
from annotate.services import accounts, audit
from annotate.services.webhooks import check_address

NO_MAIL = "Not available: this site has no e-mail server (POLYREWARD_EMAIL_URL)."


class ProfileForm(forms.ModelForm[User]):
    """An address for everybody; the ways of news for those who read experiments."""

    webhook = forms.CharField(
        required=False,
        max_length=User.webhook.field.max_length,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hook", "autocomplete": "off"}),
        help_text="An address that news is posted to as JSON.",
    )

    class Meta:
        model = User
        fields = ["email", "news_by_email", "webhook", "news_of_all"]
        labels = {
            "email": "E-mail address",
            "news_by_email": "By e-mail",
            "news_of_all": "News of every experiment, not only of those that I launched",
        }
        help_texts = {"email": "", "news_by_email": "", "news_of_all": ""}

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        if not settings.EMAIL_AVAILABLE:
            self.fields["news_by_email"].disabled = True
            self.fields["news_by_email"].help_text = NO_MAIL
        if not self.instance.is_researcher:
            for name in ("news_by_email", "webhook", "news_of_all"):
                del self.fields[name]

    def clean_webhook(self) -> str:
        address: str = self.cleaned_data["webhook"]
        try:
            if address:
                check_address(address)
        except AnnotateError as error:
            raise ValidationError(str(error)) from error
        return address

    def clean(self) -> None:
        if self.cleaned_data.get("news_by_email") and not self.cleaned_data.get("email", "?"):
            self.add_error("email", "News by e-mail needs an address.")


@for_annotators
def home(request: HttpRequest) -> HttpResponse:
    """Researchers begin at the experiments, annotators at their studies."""
    return redirect("researcher:experiments" if signed_in(request).is_researcher else "annotator:home")


@require_http_methods(["GET", "POST"])
@for_annotators
def profile(request: HttpRequest) -> HttpResponse:
    """What the person keeps about themselves."""
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=signed_in(request).pk))
    if not _saved(form):
        return _profile_page(request, form)
    messages.success(request, "Your profile is saved.")
    return redirect("account:profile")


@require_POST
@for_annotators
def test(request: HttpRequest, channel: str) -> HttpResponse:
    """Save the same form, then send a test, so that what is tested is what is shown."""
    if channel not in Delivery.Channel.values or not signed_in(request).is_researcher:
        raise Http404
    form = ProfileForm(request.POST, instance=User.objects.get(pk=signed_in(request).pk))
    if not _saved(form):
        return _profile_page(request, form)
    try:
        accounts.send_test(form.instance, Delivery.Channel(channel), now=timezone.now())
        messages.success(request, "Saved, and the test has arrived at its server.")
    except accounts.UndeliveredError as error:
        messages.error(request, str(error))
    return redirect("account:profile")


def _saved(form: ProfileForm) -> bool:
    if not form.is_bound or not form.is_valid():
        return False
    accounts.save_profile(form.instance, changed=form.changed_data)
    return True


def _profile_page(request: HttpRequest, form: ProfileForm) -> HttpResponse:
    person = signed_in(request)
    context = {
        "form": form,
        "languages": person.languages.order_by("tag"),
        "tests": _testable() if person.is_researcher else [],
    }
    return render(request, "account/profile.html", context, status=422 if form.errors else 200)


def _testable() -> list[Delivery.Channel]:
    by_mail = [Delivery.Channel.EMAIL] if settings.EMAIL_AVAILABLE else []
    return [*by_mail, Delivery.Channel.WEBHOOK]


class PasswordView(PasswordChangeView):
    """Django's, with the change in the audit trail; other sessions of the person end."""

    template_name = "account/password.html"
    success_url = reverse_lazy("account:profile")

    @transaction.atomic
    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        answer = super().form_valid(form)
        person = signed_in(self.request)
        audit.record(person, "account.password_changed", person)
        messages.success(self.request, "Your password is changed.")
        return answer


app_name = "account"
urlpatterns = [
    path("", profile, name="profile"),
    path("test/<str:channel>/", test, name="test"),
    path("password/", PasswordView.as_view(), name="password"),
    path("sign-in/", LoginView.as_view(template_name="account/login.html"), name="login"),
    path("sign-out/", LogoutView.as_view(), name="logout"),
]
