import io

import pytest
from django.core.management import call_command
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from annotate.models import Experiment, Judgment, Run
from annotate.services.studies import add_comparisons
from tests.annotate.factories import (
    LanguageFactory,
    ProficiencyFactory,
    PromptFactory,
    PromptSetFactory,
    RatingFactory,
    ResponseFactory,
    RunFactory,
    StudyFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
LAUNCH = {
    "name": "First",
    "task": "continuation",
    "policy": "package:gemma3-270m",
    "backbone": "package:multilingual-e5-small",
    "feedback": "lines",
    "prompts": "openings",
    "sources": ["en"],
    "targets": ["es"],
}


def client_of(user) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


@pytest.fixture
def place() -> str:
    """The address of an open study with one comparison in Spanish."""
    study, first = StudyFactory(), ResponseFactory(text="primera")
    add_comparisons(study, [(first, ResponseFactory(prompt=first.prompt, text="segunda"))])
    return f"/api/v1/studies/{study.pk}/es"


def test_an_annotator_judges_with_a_token(ana, place):
    client = client_of(ana)

    seat = client.post(f"{place}/next/").json()
    stored = client.post(f"{place}/verdicts/", {"assignment": seat["assignment"], "verdict": "left"})

    assert {seat["left"], seat["right"]} == {"primera", "segunda"}
    assert stored.status_code == 201
    judgment = Judgment.objects.select_related("comparison__first", "comparison__second").get()
    better = judgment.comparison.first if judgment.points == 2 else judgment.comparison.second
    assert better.text == seat["left"]


def test_a_seat_does_not_tell_which_system_wrote_what(ana, place):
    seat = client_of(ana).post(f"{place}/next/").json()

    assert set(seat) == {"assignment", "lease_ends", "language", "prompt", "left", "right"}


def test_nothing_is_left_after_the_last_comparison(ana, place):
    client = client_of(ana)
    seat = client.post(f"{place}/next/").json()
    client.post(f"{place}/skip/", {"assignment": seat["assignment"]})

    assert client.post(f"{place}/next/").status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"verdict": "left"}, 400, "invalid"),
        ({"assignment": "SEAT", "verdict": "maybe"}, 400, "invalid"),
        ({"assignment": 10_000, "verdict": "left"}, 404, "not_found"),
    ],
)
def test_every_error_is_a_sentence_and_a_code(ana, place, body, status, code):
    client = client_of(ana)
    seat = client.post(f"{place}/next/").json()
    body = {name: seat["assignment"] if value == "SEAT" else value for name, value in body.items()}

    answer = client.post(f"{place}/verdicts/", body)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "code"}
    assert answer.json()["code"] == code


def test_without_a_token_the_sentence_says_so():
    answer = APIClient().get("/api/v1/studies/")

    assert answer.status_code == 401
    assert answer.json() == {
        "error": "Authentication credentials were not provided.",
        "code": "not_authenticated",
    }


def test_a_researcher_may_not_launch(rosa):
    answer = client_of(rosa).post("/api/v1/experiments/", LAUNCH)

    assert answer.status_code == 403
    assert answer.json()["code"] == "not_allowed"


def test_a_token_is_given_for_a_password():
    user = UserFactory()
    user.set_password("a long enough password")
    user.save()

    answer = APIClient().post(
        "/api/v1/token/", {"username": user.username, "password": "a long enough password"}
    )

    assert answer.json() == {"token": Token.objects.get(user=user).key}


@pytest.fixture
def data() -> None:
    """Feedback in English to train and to test on, a Spanish opening and somebody who speaks Spanish."""
    english = LanguageFactory(tag="en")
    for split in ("train", "test"):
        prompt_set = PromptSetFactory(dataset="lines", language=english, split=split)
        RatingFactory(response__prompt=PromptFactory(prompt_set=prompt_set, text=""))
    PromptFactory(prompt_set=PromptSetFactory(language=LanguageFactory(tag="es")))
    ProficiencyFactory(language=LanguageFactory(tag="es"))


def test_an_admin_launches_an_experiment_with_its_runs(adam, data):
    answer = client_of(adam).post("/api/v1/experiments/", LAUNCH, format="json")

    assert answer.status_code == 201, answer.json()
    experiment = Experiment.objects.get(pk=answer.json()["id"])
    kinds = sorted(experiment.runs.values_list("kind", flat=True))
    assert kinds == ["accuracy", "best_of_n", "reward_model", "sample", "score"]
    queued = experiment.runs.filter(status=Run.Status.QUEUED).values_list("kind", flat=True)
    assert set(queued) == {"reward_model", "sample"}


def test_an_equal_experiment_shares_every_run(adam, data):
    client = client_of(adam)
    first, second = [client.post("/api/v1/experiments/", LAUNCH, format="json").json() for _ in range(2)]

    assert first["runs"] == second["runs"]
    assert Run.objects.exclude(experiments=None).count() == 5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sources": ["es"]}, 'The data set "lines" has no preferences or ratings in es to train on'),
        ({"targets": ["en"]}, 'The data set "openings" has no prompts in en in the split test'),
        ({"demonstrations": "stories"}, 'There is no data set "stories" for the task continuation here'),
    ],
)
def test_an_impossible_plan_is_refused_with_what_mends_it(adam, data, change, sentence):
    answer = client_of(adam).post("/api/v1/experiments/", LAUNCH | change, format="json")

    assert answer.status_code == 400
    assert answer.json()["code"] == "impossible_plan"
    assert answer.json()["error"].startswith(sentence)
    assert not Experiment.objects.exists()


def test_an_admin_cancels_a_run(adam):
    run = RunFactory()

    answer = client_of(adam).post(f"/api/v1/runs/{run.pk}/cancel/")

    assert answer.json()["status"] == Run.Status.CANCELLED


def test_prompts_can_be_chosen_by_language(rosa, data):
    answer = client_of(rosa).get("/api/v1/prompts/", {"language": "es"}).json()

    assert answer["count"] == 1
    assert answer["results"][0]["language"] == "es"


def test_the_schema_describes_every_address_without_a_warning():
    schema = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=schema)

    assert "/api/v1/studies/{study_id}/{tag}/verdicts/" in schema.getvalue()


@pytest.mark.parametrize("field", ["policy", "backbone"])
def test_a_source_that_names_no_model_is_refused(adam, data, field):
    answer = client_of(adam).post("/api/v1/experiments/", LAUNCH | {field: "nonsense"}, format="json")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}: 'nonsense' is no source")


@pytest.mark.parametrize(
    "path", ["experiments/first/", "experiments/first/runs/", "experiments/first/pause/"]
)
def test_a_word_in_the_place_of_a_number_is_not_found(adam, path):
    client = client_of(adam)
    ask = client.post if path.endswith("pause/") else client.get

    assert ask(f"/api/v1/{path}").status_code == 404
