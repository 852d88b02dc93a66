"""Who may see and do what: the only door between a request and the rows."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from annotate.errors import NotAllowedError
from annotate.models import Experiment, Language, Run, Study, User

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def signed_in(request: HttpRequest | Request) -> User:
    """The user of a request that has passed one of the doors below, or a permission of the API."""
    return cast(User, request.user)


def check_researcher(user: User) -> None:
    """Raises NotAllowedError for annotators."""
    if not user.is_researcher:
        raise NotAllowedError("This page is for researchers. Ask an admin to change your role.")


def check_admin(user: User) -> None:
    """Raises NotAllowedError for everybody but admins."""
    if not user.is_admin:
        raise NotAllowedError("This page is for admins. Ask one to do this, or to change your role.")


def for_annotators(view: View) -> View:
    """Anybody who is signed in."""
    return login_required(view)


def for_researchers(view: View) -> View:
    """Researchers and admins."""
    return _guarded(view, check_researcher)


def for_admins(view: View) -> View:
    """Admins alone."""
    return _guarded(view, check_admin)


def _guarded(view: View, check: Callable[[User], None]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **names: object) -> HttpResponseBase:
        check(signed_in(request))
        return view(request, *args, **names)

    return cast(View, login_required(guarded))


def study_to_judge(user: User, study_id: int, tag: str) -> tuple[Study, Language]:
    """The study and language, if the user is proficient in it. Raises NotAllowedError, Http404."""
    study = get_object_or_404(Study.objects.exclude(purpose=Study.Purpose.IMPORTED), pk=study_id)
    language = user.languages.filter(pk=tag).first()
    if language is None:
        raise NotAllowedError(
            "You are not registered as a speaker of this language. Ask an admin to add it to your profile."
        )
    return study, language


def experiment_to_read(user: User, experiment_id: int) -> Experiment:
    """Raises NotAllowedError, Http404."""
    check_researcher(user)
    return get_object_or_404(Experiment, pk=experiment_id)


def run_to_read(user: User, run_id: int) -> Run:
    """Raises NotAllowedError, Http404."""
    check_researcher(user)
    return get_object_or_404(Run.objects.select_related("source", "target"), pk=run_id)
