"""The page of the audit trail: filters, pages without counting, the file."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotate.models import AuditEntry
from annotate.services import audit
from annotate.services.trail import AT_ONCE
from tests.annotate.factories import ExperimentFactory

pytestmark = pytest.mark.django_db
PAGE = reverse("audit:page")


@pytest.fixture
def admin(client, adam):
    client.force_login(adam)
    return client


@pytest.fixture
def note(monkeypatch):
    """Record an act at a moment."""

    def record(actor, action, subject=None, at=None, **detail):
        with monkeypatch.context() as patch:
            if at is not None:
                patch.setattr(timezone, "now", lambda: at)
            return audit.record(actor, action, subject, **detail)

    return record


def shown(client, **query) -> list[AuditEntry]:
    return client.get(PAGE, query).context["page"].entries


def test_each_filter_keeps_what_it_names(admin, adam, rosa, note):
    experiment, other = ExperimentFactory(), ExperimentFactory()
    wanted = note(rosa, "experiment.launched", experiment)
    note(adam, "experiment.launched", other)
    note(rosa, "experiment.paused", other)

    assert shown(admin, who="rosa", action="experiment.launched") == [wanted]
    assert shown(admin, kind="experiment", number=experiment.pk) == [wanted]
    assert len(shown(admin, kind="experiment")) == 3
    assert len(shown(admin, who="rosa")) == 2


def test_both_days_belong_to_what_is_wanted(admin, note):
    days = [datetime(2026, 2, day, hour, tzinfo=UTC) for day, hour in ((1, 23), (2, 0), (3, 23), (4, 0))]
    entries = [note(None, "data.exported", at=day) for day in days]

    found = shown(admin, action="data.exported", first_day="2026-02-02", last_day="2026-02-03")

    assert found == [entries[2], entries[1]]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"who": "nobody"}, "Nobody here is called nobody."),
        ({"action": "guessed"}, "guessed is not one of the available choices."),
        ({"first_day": "yesterday"}, "Enter a valid date."),
        ({"number": "3"}, "Say what the number is of."),
    ],
)
def test_what_cannot_be_meant_is_refused(admin, query, sentence):
    answer = admin.get(PAGE, query)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_pages_follow_each_other_without_a_gap_though_moments_are_equal(admin, note, now):
    """And though somebody acts meanwhile."""
    entries = [note(None, "data.exported", at=now + timedelta(seconds=number // 7)) for number in range(120)]
    seen, before = [], ""
    for _ in range(3):
        page = admin.get(PAGE, {"action": "data.exported", "before": before}).context["page"]
        seen += page.entries
        before = str(page.older or "")
        note(None, "data.exported", at=now + timedelta(hours=1))

    assert len(entries) > 2 * AT_ONCE
    assert seen == entries[::-1]
    assert before == ""


@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "2026-01-01_5", "2026-01-01T00:00:00+00:00_" + "9" * 30, "0001-01-01T00:00:00+14:00_1", "_"],
)
def test_a_cursor_that_is_none_begins_with_the_newest(admin, note, cursor):
    entry = note(None, "data.exported")

    assert shown(admin, action="data.exported", before=cursor) == [entry]


def test_nothing_is_counted_and_people_come_along(admin, adam, note, django_assert_num_queries):
    for _ in range(AT_ONCE + 1):
        note(adam, "data.exported")

    with django_assert_num_queries(5) as asked:  # session, person, the bell, one person by name, the entries
        admin.get(PAGE, {"who": "adam"})

    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert not [sql for sql in counts if "audit" in sql]


def test_the_file_holds_what_the_page_is_filtered_to_and_is_noted_itself(admin, adam, rosa, note):
    experiment = ExperimentFactory(name="=HYPERLINK()")
    note(rosa, "experiment.launched", experiment, runs=3)
    note(adam, "experiment.paused", experiment)

    answer = admin.get(reverse("audit:download"), {"who": "rosa"})

    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (row["who"], row["action"], row["subject_id"]) == (
        "rosa",
        "experiment.launched",
        str(experiment.pk),
    )
    assert (row["subject"], row["detail"]) == ("'=HYPERLINK()", '{"runs": 3}')
    entry = AuditEntry.objects.get(action="audit.downloaded")
    assert (entry.actor, entry.detail) == (adam, {"who": "rosa"})


def test_acts_are_told_in_words(admin, rosa, note):
    experiment = ExperimentFactory(name="Warm lines")
    note(rosa, "experiment.priority_changed", experiment, priority="High", fields=["a", "b"])

    text = admin.get(PAGE).content.decode()

    assert "changed the priority of an experiment" in text
    assert f'<a href="/experiments/{experiment.pk}/">Warm lines</a>' in text
    assert "fields: a, b; priority: High" in text
