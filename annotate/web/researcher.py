"""Pages of a researcher: experiments, their win rates, and every judged example."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from alignment.statistics.win_rate import BothBad
from annotate.access import experiment_to_read, for_researchers, signed_in
from annotate.models import Experiment, Run
from annotate.services import downloads
from annotate.services.accuracies import accuracy_matrix
from annotate.services.answers import accuracy_answer, win_rate_answer
from annotate.services.results import judged_examples, off_language_shares, win_rate_matrix
from annotate.services.tallies import tallies
from annotate.services.work import work_of
from annotate.web.fragments import wants_fragment


@require_GET
@for_researchers
def experiments(request: HttpRequest) -> HttpResponse:
    rows = Experiment.objects.prefetch_related("sources", "targets").select_related("study")
    page = Paginator(rows, 20).get_page(request.GET.get("page"))
    return render(request, "experiments/list.html", {"page": page, "tallies": tallies(page)})


@require_GET
@for_researchers
def experiment(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Where the runs are, the win-rate matrix, the reward models' accuracy; a poll gets the runs alone."""
    found, now = experiment_to_read(signed_in(request), experiment_id), timezone.now()
    work = work_of(found, now=now)
    polled = {
        "experiment": found,
        "work": work,
        "states": Run.Status.choices,
        "as_of": now.timestamp(),
        "is_polled": wants_fragment(request),
    }
    if wants_fragment(request):
        return render(request, "experiments/_work.html", polled)
    matrix, accuracies = win_rate_matrix(found, both_bad=_both_bad(request)), accuracy_matrix(found)
    context = polled | {
        "matrix": matrix,
        "win_rate_answer": win_rate_answer(matrix),
        "accuracies": accuracies,
        "accuracy_answers": [accuracy_answer(row, accuracies.languages) for row in accuracies.rows],
        "off_language": off_language_shares(found),
        "is_unfinished": not work.is_finished,
        "both_bad_choices": list(BothBad),
    }
    return render(request, "experiments/page.html", context)


@require_GET
@for_researchers
def cell(request: HttpRequest, experiment_id: int, source: str, target: str) -> HttpResponse:
    """Every judged example of one source and target."""
    found = experiment_to_read(signed_in(request), experiment_id)
    languages = {
        "source": get_object_or_404(found.sources, pk=source),
        "target": get_object_or_404(found.targets, pk=target),
    }
    matrix = win_rate_matrix(found, both_bad=_both_bad(request))
    page = Paginator(judged_examples(found, source, target), 20).get_page(request.GET.get("page"))
    context = {"experiment": found, "cell": matrix.cells[source, target], "page": page, **languages}
    return render(request, "experiments/cell.html", context)


@require_GET
@for_researchers
def download(request: HttpRequest, experiment_id: int, name: str) -> StreamingHttpResponse:
    """One of the experiment's files, streamed."""
    found = experiment_to_read(signed_in(request), experiment_id)
    downloads.note_download(signed_in(request), found, name, _both_bad(request))
    lines = downloads.FILES[name](found, _both_bad(request))
    kind = "text/csv" if name.endswith(".csv") else "application/jsonl"
    response = StreamingHttpResponse(lines, content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="experiment-{found.pk}-{name}"'
    return response


def _both_bad(request: HttpRequest) -> BothBad:
    """How "both bad" counts: as a tie unless the page is asked to leave it out."""
    return BothBad.LEFT_OUT if request.GET.get("both_bad") == BothBad.LEFT_OUT else BothBad.TIE


app_name = "researcher"
urlpatterns = [
    path("", experiments, name="experiments"),
    path("<int:experiment_id>/", experiment, name="experiment"),
    path("<int:experiment_id>/<str:source>/<str:target>/", cell, name="cell"),
] + [
    path(
        f"<int:experiment_id>/{name}", download, {"name": name}, name=name.replace(".", "_").replace("-", "_")
    )
    for name in downloads.FILES
]
