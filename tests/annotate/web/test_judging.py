"""An annotator's pages over HTTP: their studies, one comparison after another, and the way back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import Assignment, Judgment, Study
from annotate.services.assignment import lease_next
from annotate.services.judging import Answer, record_judgment
from annotate.services.studies import add_comparisons
from annotate.sides import Verdict
from tests.annotate.factories import (
    BestOfNSystemFactory,
    LanguageFactory,
    PromptFactory,
    PromptSetFactory,
    ResponseFactory,
    StudyFactory,
    UnalignedSystemFactory,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def make_study(num_comparisons: int = 2, tag: str = "es", **fields: object) -> Study:
    """Aligned "primera" against unaligned "segunda"."""
    language = LanguageFactory(tag=tag)
    prompt_set = PromptSetFactory(language=language)
    aligned, unaligned = BestOfNSystemFactory(language=language), UnalignedSystemFactory(language=language)
    study = StudyFactory(**fields)
    prompts = [PromptFactory(prompt_set=prompt_set) for _ in range(num_comparisons)]
    add_comparisons(
        study,
        [
            (
                ResponseFactory(prompt=prompt, system=aligned, text="primera", reward=3.25),
                ResponseFactory(prompt=prompt, system=unaligned, text="segunda"),
            )
            for prompt in prompts
        ],
    )
    return study


@pytest.fixture
def study(db) -> Study:
    return make_study(name="Líneas")


@pytest.fixture
def as_ana(client, ana):
    client.force_login(ana)
    return client


def address(name: str, study: Study, *more: int, tag: str = "es") -> str:
    return reverse(f"annotator:{name}", args=[study.pk, tag, *more])


def start(client, study: Study, tag: str = "es") -> Assignment:
    """Take a comparison, and show it."""
    client.post(address("next", study, tag=tag))
    return client.get(address("judge", study, tag=tag)).context["assignment"]


def answer(client, study: Study, assignment: Assignment, verdict: str = "left", **headers: str):
    fields = {"assignment": assignment.pk, "verdict": verdict, "seconds": "4.5"}
    return client.post(address("submit", study), fields, headers=headers)


def test_home_lists_only_studies_in_the_annotators_languages(as_ana, study):
    make_study(tag="ar", name="خطوط")

    page = as_ana.get(reverse("annotator:home")).content.decode()

    assert "Líneas" in page
    assert "خطوط" not in page


def test_home_tells_how_far_the_annotator_has_come(as_ana, study):
    answer(as_ana, study, start(as_ana, study))

    (progress,) = as_ana.get(reverse("annotator:home")).context["studies"]

    assert (progress.num_judged, progress.num_open, progress.percent) == (1, 1, 50)


def test_home_thanks_whoever_has_judged_everything(as_ana):
    study = make_study(num_comparisons=1)
    answer(as_ana, study, start(as_ana, study))

    assert "All done, thank you." in as_ana.get(reverse("annotator:home")).content.decode()


def test_home_says_so_when_there_is_nothing(as_ana):
    assert "Nothing to judge yet" in as_ana.get(reverse("annotator:home")).content.decode()


@pytest.mark.parametrize(("tag", "direction"), [("es", "ltr"), ("ar", "rtl")])
def test_each_text_says_its_language_and_direction(as_ana, ana, tag, direction):
    ana.proficiencies.get_or_create(language=LanguageFactory(tag=tag), level="native")
    study = make_study(tag=tag)

    start(as_ana, study, tag)
    page = as_ana.get(address("judge", study, tag=tag)).content.decode()

    assert page.count(f'<div class="text" lang="{tag}" dir="{direction}">') == 2


@pytest.mark.parametrize(
    ("swapped", "shown"), [(False, ["primera", "segunda"]), (True, ["segunda", "primera"])]
)
def test_the_seat_says_which_response_stands_on_the_left(as_ana, study, swapped, shown):
    assignment = start(as_ana, study)
    Assignment.objects.filter(pk=assignment.pk).update(swapped=swapped)

    page = as_ana.get(address("judge", study)).content.decode()

    assert sorted(shown, key=page.index) == shown


def test_the_page_does_not_tell_which_system_wrote_what(as_ana, study):
    start(as_ana, study)

    page = as_ana.get(address("judge", study)).content.decode().lower()

    assert not [
        word
        for word in ("best-of", "aligned", "reward", "3.25", "←")
        if word in page.replace("polyreward", "")
    ]


def test_nobody_sees_the_verdict_of_another(as_ana, luis, now):
    study = make_study(num_comparisons=1, votes_wanted=2)
    seat = lease_next(study, LanguageFactory(tag="es"), luis, now=now)
    judgment = record_judgment(seat, luis, Answer(verdict=Verdict.LEFT, rationale="clearer"), now=now)

    start(as_ana, study)
    page = as_ana.get(address("judge", study)).content.decode()

    assert "answer--given" not in page
    assert "luis" not in page
    assert "clearer" not in page
    assert as_ana.get(address("revise", study, judgment.pk)).status_code == 404
    assert as_ana.post(address("undo", study), headers=HTMX).context.get("given") is None


def test_an_answer_without_scripts_leads_to_the_next_comparison(as_ana, study):
    first = start(as_ana, study)

    reply = answer(as_ana, study, first)

    assert (reply.status_code, reply.headers["Location"]) == (302, address("judge", study))
    assert as_ana.get(address("judge", study)).context["assignment"] != first
    assert Judgment.objects.get().seconds == 4.5


def test_an_answer_with_htmx_gets_the_next_comparison_as_a_fragment(as_ana, study):
    first = start(as_ana, study)

    reply = answer(as_ana, study, first, **HTMX)

    assert reply.context["assignment"].pk != first.pk
    assert reply.content.decode().strip().startswith('<form id="judging"')


def test_after_the_last_answer_the_page_says_thank_you(as_ana):
    study = make_study(num_comparisons=1)

    page = answer(as_ana, study, start(as_ana, study), **HTMX).content.decode()

    assert "All done" in page
    assert 'id="judging"' in page


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_late_answer_is_refused_with_what_to_do_and_the_next_is_ready(as_ana, luis, study, headers):
    now = timezone.now()
    first = start(as_ana, study)
    Assignment.objects.filter(pk=first.pk).update(lease_ends=now - timedelta(minutes=1))
    Assignment.objects.lease(first.pk, luis, now=now, ends=now + timedelta(minutes=10))

    reply = answer(as_ana, study, first, **headers)

    assert reply.status_code == 409
    assert "went to somebody else while you were away. Your next one is ready." in reply.content.decode()
    assert not Judgment.objects.exists()
    assert start(as_ana, study).pk != first.pk


def test_the_same_answer_twice_is_stored_once(as_ana, study):
    first = start(as_ana, study)

    replies = [answer(as_ana, study, first, **HTMX) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].context["assignment"] == replies[1].context["assignment"]
    assert Judgment.objects.count() == 1


def test_another_answer_to_the_same_comparison_is_refused(as_ana, study):
    first = start(as_ana, study)
    answer(as_ana, study, first, "left")

    reply = answer(as_ana, study, first, "right")

    assert reply.status_code == 409
    assert "Choose Undo" in reply.content.decode()


def test_an_answer_without_a_verdict_is_refused(as_ana, study):
    reply = answer(as_ana, study, start(as_ana, study), "maybe")

    assert reply.status_code == 400
    assert "Choose one of the answers" in reply.content.decode()


def test_a_broken_clock_loses_only_the_seconds(as_ana, study):
    assignment = start(as_ana, study)

    as_ana.post(address("submit", study), {"assignment": assignment.pk, "verdict": "tie", "seconds": "-3"})

    assert Judgment.objects.get().seconds is None


@pytest.mark.parametrize("number", ["", "nonsense", "999999"])
def test_a_seat_that_does_not_exist_is_not_found(as_ana, study, number):
    reply = as_ana.post(address("submit", study), {"assignment": number, "verdict": "left"})

    assert reply.status_code == 404


def test_skip_leaves_the_comparison_to_somebody_else(as_ana, study):
    first = start(as_ana, study)

    reply = as_ana.post(address("skip", study), {"assignment": first.pk}, headers=HTMX)

    assert reply.context["assignment"].comparison_id != first.comparison_id
    assert first.comparison.assignments.filter(status="free").count() == 1


def test_undo_shows_the_last_verdict_and_a_new_one_replaces_it(as_ana, study):
    answer(as_ana, study, start(as_ana, study), "right")
    old = Judgment.objects.get()

    page = as_ana.post(address("undo", study), follow=True)
    reply = as_ana.post(address("revise", study, old.pk), {"verdict": "both_bad"})

    assert page.redirect_chain == [(address("revise", study, old.pk), 302)]
    assert page.context["given"] == "right"
    assert reply.headers["Location"] == address("judge", study)
    (standing,) = Judgment.objects.standing()
    assert (standing.both_bad, standing.replaces) == (True, old)


def test_undo_again_goes_further_back(as_ana, study):
    for _ in range(2):
        answer(as_ana, study, start(as_ana, study))
    older, newer = Judgment.objects.order_by("pk")

    first = as_ana.post(address("undo", study), headers=HTMX)
    second = as_ana.post(first.context["undo_url"], headers=HTMX)

    assert first.context["answer_url"] == address("revise", study, newer.pk)
    assert second.context["answer_url"] == address("revise", study, older.pk)
    assert second.context["undo_url"] == ""


def test_a_verdict_that_was_replaced_in_another_tab_is_not_replaced_twice(as_ana, study):
    answer(as_ana, study, start(as_ana, study))
    old = Judgment.objects.get()
    as_ana.post(address("revise", study, old.pk), {"verdict": "tie"})

    reply = as_ana.post(address("revise", study, old.pk), {"verdict": "right"})

    assert reply.status_code == 409
    assert "Reload the page" in reply.content.decode()
    assert Judgment.objects.standing().count() == 1
