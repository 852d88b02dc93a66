"""Pages of an annotator: the studies in their languages, and one comparison after another."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from alignment.tasks import task_named
from annotate.access import for_annotators, signed_in, study_to_judge
from annotate.models import Assignment, Judgment, Language, Study, User
from annotate.services.assignment import held_seat, lease_next, skip
from annotate.services.judging import last_judgment, record_judgment, revise_judgment
from annotate.services.progress import progress_in, studies_for
from annotate.sides import Points, Verdict, left_and_right, verdict_of
from annotate.web.forms import AnswerForm, read_answer
from annotate.web.fragments import wants_fragment


@require_GET
@for_annotators
def home(request: HttpRequest) -> HttpResponse:
    studies = studies_for(signed_in(request), now=timezone.now())
    return render(request, "annotator/home.html", {"studies": studies})


@require_GET
@for_annotators
def judge(request: HttpRequest, study_id: int, tag: str) -> HttpResponse:
    """The comparison that the annotator holds, or the way to get one."""
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    return _show(request, study, language, held_seat(study, language, annotator))


@require_POST
@for_annotators
def take_next(request: HttpRequest, study_id: int, tag: str) -> HttpResponse:
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    return _next(request, study, language)


@require_POST
@for_annotators
def submit(request: HttpRequest, study_id: int, tag: str) -> HttpResponse:
    """Store the verdict and give the next comparison, in one go."""
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    assignment = _assignment(study, language, request)
    record_judgment(assignment, annotator, read_answer(AnswerForm(request.POST)), now=timezone.now())
    return _next(request, study, language)


@require_POST
@for_annotators
def pass_on(request: HttpRequest, study_id: int, tag: str) -> HttpResponse:
    """Skip: leave the comparison to somebody else."""
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    skip(_assignment(study, language, request), annotator, now=timezone.now())
    return _next(request, study, language)


@require_POST
@for_annotators
def undo(request: HttpRequest, study_id: int, tag: str, before: int | None = None) -> HttpResponse:
    """Go to the annotator's newest verdict, or to the newest one before the one that is shown."""
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    judgment = last_judgment(study, language, annotator, before=before)
    if judgment is None:
        return _next(request, study, language)
    if not wants_fragment(request):
        return redirect("annotator:revise", study_id, tag, judgment.pk)
    return _show(request, study, language, judgment.assignment, revised=judgment)


@for_annotators
def revise(request: HttpRequest, study_id: int, tag: str, judgment_id: int) -> HttpResponse:
    """Show a verdict again, or replace it."""
    annotator = signed_in(request)
    study, language = study_to_judge(annotator, study_id, tag)
    mine = Judgment.objects.filter(judge__user=annotator, comparison__study=study)
    judgment = get_object_or_404(mine.filter(comparison__language=language), pk=judgment_id)
    if request.method == "POST":
        answer = read_answer(AnswerForm(request.POST))
        revise_judgment(judgment, annotator, answer, now=timezone.now())
        return _next(request, study, language)
    return _show(request, study, language, judgment.assignment, revised=judgment)


def _assignment(study: Study, language: Language, request: HttpRequest) -> Assignment:
    seats = Assignment.objects.filter(comparison__study=study, comparison__language=language)
    number = request.POST.get("assignment", "")
    return get_object_or_404(seats, pk=int(number) if number.isdecimal() else None)


def _next(request: HttpRequest, study: Study, language: Language) -> HttpResponse:
    """The next comparison: at once for htmx, by a redirect without scripts."""
    assignment = lease_next(study, language, signed_in(request), now=timezone.now())
    if not wants_fragment(request):
        return redirect("annotator:judge", study.pk, language.pk)
    return _show(request, study, language, assignment)


def _show(
    request: HttpRequest,
    study: Study,
    language: Language,
    assignment: Assignment | None,
    revised: Judgment | None = None,
) -> HttpResponse:
    context = _place(signed_in(request), study, language, revised)
    if assignment is not None:
        context |= _pair(study, assignment, revised)
    template = "judging/_judging.html" if wants_fragment(request) else "judging/page.html"
    return render(request, template, context)


def _place(annotator: User, study: Study, language: Language, revised: Judgment | None) -> dict[str, Any]:
    """Where the annotator is, and where each button leads."""
    progress = progress_in(study, language, annotator, now=timezone.now())
    here = (study.pk, language.pk)
    before = last_judgment(study, language, annotator, before=revised.pk if revised else None)
    undo_name, undo_args = ("undo_before", (*here, revised.pk)) if revised else ("undo", here)
    return {
        "study": study,
        "language": language,
        "done": progress.num_judged,
        "total": progress.num_judged + progress.num_open,
        "home_url": reverse("annotator:home"),
        "next_url": reverse("annotator:next", args=here),
        "skip_url": "" if revised else reverse("annotator:skip", args=here),
        "undo_url": reverse(f"annotator:{undo_name}", args=undo_args) if before else "",
    }


def _pair(study: Study, assignment: Assignment, revised: Judgment | None) -> dict[str, Any]:
    """What is judged, and the verdict that is being changed, if any."""
    task, pair = task_named(study.task), assignment.comparison
    left, right = left_and_right(pair.first, pair.second, swapped=assignment.swapped)
    here = (study.pk, pair.language_id)
    answer_url = reverse("annotator:submit", args=here)
    given: Verdict | None = None
    if revised is not None:
        answer_url = reverse("annotator:revise", args=(*here, revised.pk))
        given = verdict_of(Points(revised.points or 0, revised.both_bad), swapped=assignment.swapped)
    return {
        "assignment": assignment,
        "prompt": pair.prompt,
        "left": left,
        "right": right,
        "question": task.question,
        "guidelines": study.guidelines or task.guidelines,
        "answer_url": answer_url,
        "given": given,
    }


app_name = "annotator"
urlpatterns = [
    path("", home, name="home"),
    path("<int:study_id>/<str:tag>/", judge, name="judge"),
    path("<int:study_id>/<str:tag>/next/", take_next, name="next"),
    path("<int:study_id>/<str:tag>/verdict/", submit, name="submit"),
    path("<int:study_id>/<str:tag>/skip/", pass_on, name="skip"),
    path("<int:study_id>/<str:tag>/undo/", undo, name="undo"),
    path("<int:study_id>/<str:tag>/undo/<int:before>/", undo, name="undo_before"),
    path("<int:study_id>/<str:tag>/verdict/<int:judgment_id>/", revise, name="revise"),
]
