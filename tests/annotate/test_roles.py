"""Every address against every role: who is let in, who is turned away, who must sign in first."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from annotate.models import User
from annotate.services.assignment import lease_next
from annotate.services.judging import Answer, record_judgment
from annotate.sides import Verdict
from tests.annotate.factories import (
    AssignmentFactory,
    ExperimentFactory,
    LanguageFactory,
    RunFactory,
    StudyFactory,
)

pytestmark = pytest.mark.django_db
NOBODY, ANA, OTHER, ROSA, ADAM = "nobody", "ana", "other", "rosa", "adam"
CAST = (NOBODY, ANA, OTHER, ROSA, ADAM)
SIGN_IN, NO, YES = 302, 403, 200
SPEAKERS = (SIGN_IN, YES, NO, NO, NO)
READERS = (SIGN_IN, NO, NO, YES, YES)
ADMINS = (SIGN_IN, NO, NO, NO, YES)
EVERYBODY_IN = (SIGN_IN, YES, YES, YES, YES)
MOVES = (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN)
API_SPEAKERS = (401, YES, NO, NO, NO)
API_READERS = (401, NO, NO, YES, YES)
API_ADMINS = (401, NO, NO, NO, YES)
API_EVERYBODY_IN = (401, YES, YES, YES, YES)

# address → what each of CAST gets for a GET (or for a POST where the line says so).
TABLE = {
    "GET /": MOVES,
    "GET /account/": EVERYBODY_IN,
    "POST /account/test/webhook/": (SIGN_IN, 404, 404, SIGN_IN, SIGN_IN),
    "GET /account/password/": EVERYBODY_IN,
    "GET /account/sign-in/": (YES,) * 5,
    "POST /account/sign-out/": MOVES,
    "GET /studies/": EVERYBODY_IN,
    "GET /studies/{study}/es/": SPEAKERS,
    "POST /studies/{study}/es/next/": (SIGN_IN, SIGN_IN, NO, NO, NO),
    "POST /studies/{study}/es/verdict/": (SIGN_IN, SIGN_IN, NO, NO, NO),
    "POST /studies/{study}/es/skip/": (SIGN_IN, SIGN_IN, NO, NO, NO),
    "POST /studies/{study}/es/undo/": (SIGN_IN, SIGN_IN, NO, NO, NO),
    "POST /studies/{study}/es/undo/{judgment}/": (SIGN_IN, SIGN_IN, NO, NO, NO),
    "GET /studies/{study}/es/verdict/{judgment}/": SPEAKERS,
    "GET /experiments/": READERS,
    "GET /experiments/{experiment}/": READERS,
    "GET /experiments/{experiment}/en/es/": READERS,
    "GET /experiments/{experiment}/win-rates.csv": READERS,
    "GET /experiments/{experiment}/win-rates.jsonl": READERS,
    "GET /experiments/{experiment}/judgments.csv": READERS,
    "GET /experiments/{experiment}/judgments.jsonl": READERS,
    "GET /experiments/new/": ADMINS,
    "POST /experiments/plan/": (SIGN_IN, NO, NO, NO, 422),
    "POST /experiments/plan/experiment.yaml": (SIGN_IN, NO, NO, NO, 422),
    "GET /experiments/{experiment}/experiment.yaml": READERS,
    "POST /experiments/{experiment}/pause/": (SIGN_IN, NO, NO, NO, SIGN_IN),
    "POST /experiments/{experiment}/resume/": (SIGN_IN, NO, NO, NO, 409),
    "POST /experiments/{experiment}/cancel/": (SIGN_IN, NO, NO, NO, SIGN_IN),
    "POST /experiments/{experiment}/priority/": (SIGN_IN, NO, NO, NO, 400),
    "GET /runs/": READERS,
    "GET /runs/{run}/": READERS,
    "GET /workers/": READERS,
    "GET /runs/{run}/curves.json": READERS,
    "POST /runs/{run}/cancel/": (SIGN_IN, NO, NO, NO, SIGN_IN),
    "POST /runs/{run}/retry/": (SIGN_IN, NO, NO, NO, 409),
    "GET /data/": READERS,
    "GET /audit/": ADMINS,
    "GET /audit/audit-trail.csv": ADMINS,
    "GET /news/": READERS,
    "POST /news/read/": (SIGN_IN, NO, NO, SIGN_IN, SIGN_IN),
    "POST /news/1/read/": (SIGN_IN, NO, NO, SIGN_IN, SIGN_IN),
    "GET /metrics": (404,) * 5,
    "GET /design/": ADMINS,
    "GET /api/schema/": (401, YES, YES, YES, YES),
    "POST /api/v1/token/": (400,) * 5,
    "GET /api/v1/prompts/": API_READERS,
    "GET /api/v1/studies/": API_EVERYBODY_IN,
    "POST /api/v1/studies/{study}/es/next/": API_SPEAKERS,
    "POST /api/v1/studies/{study}/es/verdicts/": (401, 201, NO, NO, NO),
    "POST /api/v1/studies/{study}/es/skip/": (401, 204, NO, NO, NO),
    "GET /api/v1/experiments/": API_READERS,
    "GET /api/v1/experiments/{experiment}/": API_READERS,
    "GET /api/v1/experiments/{experiment}/runs/": API_READERS,
    "GET /api/v1/experiments/{experiment}/results/": API_READERS,
    "POST /api/v1/experiments/{experiment}/pause/": API_ADMINS,
    "POST /api/v1/experiments/{experiment}/resume/": (401, NO, NO, NO, 409),
    "POST /api/v1/experiments/{experiment}/cancel/": API_ADMINS,
    "POST /api/v1/experiments/{experiment}/priority/": (401, NO, NO, NO, 400),
    "GET /api/v1/runs/": API_READERS,
    "GET /api/v1/runs/{run}/": API_READERS,
    "POST /api/v1/runs/{run}/cancel/": API_ADMINS,
    "POST /api/v1/runs/{run}/retry/": (401, NO, NO, NO, 409),
}


@pytest.fixture
def rows(ana, luis, rosa, adam, now) -> dict[str, int]:
    """A study with one verdict and one seat of ana's, an experiment, a run; "other" speaks no Spanish."""
    LanguageFactory(tag="en")
    User.objects.create(username="other")
    study, spanish = StudyFactory(), LanguageFactory(tag="es")
    for _ in range(2):
        AssignmentFactory(comparison__study=study)
    judged = lease_next(study, spanish, ana, now=now)
    judgment = record_judgment(judged, ana, Answer(verdict=Verdict.TIE), now=now)
    held = lease_next(study, spanish, ana, now=now)
    experiment = ExperimentFactory()
    experiment.sources.set(["en"])
    experiment.targets.set(["es"])
    run = RunFactory()
    run.experiments.add(experiment)
    return {
        "study": study.pk,
        "judgment": judgment.pk,
        "assignment": held.pk,
        "experiment": experiment.pk,
        "run": run.pk,
    }


def answer(line: str, name: str, rows: dict[str, int]) -> int:
    method, address = line.split()
    client = Client()
    if name != NOBODY:
        client.force_login(User.objects.get(username=name))
    body = {"assignment": rows["assignment"], "verdict": "left"} if method == "POST" else {}
    return getattr(client, method.lower())(address.format(**rows), body).status_code


@pytest.mark.parametrize("line", TABLE)
@pytest.mark.parametrize("name", CAST)
def test_who_may_go_where(line, name, rows):
    assert answer(line, name, rows) == TABLE[line][CAST.index(name)]


def own_routes(resolver: URLResolver, before: str = "") -> set[str]:
    """Every route but those of Django's admin, which has tests and doors of its own."""
    found: set[str] = set()
    for entry in resolver.url_patterns:
        route = before + plain(str(entry.pattern))
        found |= {route} if isinstance(entry, URLPattern) else own_routes(entry, route)
    return {route for route in found if not route.startswith("admin/")}


def plain(route: str) -> str:
    """A route without the marks of regular expressions."""
    return route.replace("^", "").replace("$", "").replace("\\Z", "")


def test_every_address_is_in_the_table():
    names = dict.fromkeys(("study", "judgment", "experiment", "run"), 1)
    reached = {plain(resolve(line.split()[1].format(**names)).route) for line in TABLE}

    assert own_routes(get_resolver()) - reached == set()
