"""The page of news, and the bell that leads to it."""

import pytest
from django.urls import reverse

from annotate.models import Notification
from tests.annotate.factories import ExperimentFactory, NotificationFactory, RunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, adam):
    client.force_login(adam)
    return lambda: client.get(reverse("news:page")).content.decode()


def test_news_leads_to_what_it_is_about(page, adam):
    run, experiment = RunFactory(), ExperimentFactory()
    NotificationFactory(recipient=adam, run=run, text="pool es failed.")
    NotificationFactory(recipient=adam, experiment=experiment, text="Warm lines is ready to be judged.")

    shown = page()

    assert f'<a href="/runs/{run.pk}/">pool es failed.</a>' in shown
    assert f'<a href="/experiments/{experiment.pk}/">Warm lines is ready to be judged.</a>' in shown


def test_nobody_sees_the_news_of_others(page):
    NotificationFactory(text="pool es failed.")

    assert "pool es failed." not in page()


@pytest.mark.parametrize(("num_unread", "said"), [(0, None), (3, "3"), (100, "99+")])
def test_the_bell_counts_what_is_unread(page, adam, now, num_unread, said):
    NotificationFactory.create_batch(num_unread, recipient=adam)
    NotificationFactory(recipient=adam, read_at=now)
    NotificationFactory()

    shown = page()

    assert (f'class="bell__count" aria-hidden="true">{said}<' in shown) == bool(said)
    assert ("bell__count" in shown) == bool(said)


def test_one_is_marked_as_read_and_the_others_are_not(client, page, adam):
    first, second = NotificationFactory.create_batch(2, recipient=adam)

    client.post(reverse("news:read", args=[first.pk]))

    assert list(Notification.objects.filter(read_at=None)) == [second]


def test_all_are_marked_as_read_but_not_those_of_others(client, page, adam):
    NotificationFactory.create_batch(2, recipient=adam)
    other = NotificationFactory()

    client.post(reverse("news:read_all"))

    assert list(Notification.objects.filter(read_at=None)) == [other]


def test_nobody_marks_the_news_of_others(client, page):
    other = NotificationFactory()

    client.post(reverse("news:read", args=[other.pk]))

    assert Notification.objects.get().read_at is None


def test_the_page_asks_as_often_for_many_as_for_one(client, page, adam, django_assert_max_num_queries):
    for _ in range(20):
        NotificationFactory(recipient=adam, run=RunFactory())

    with django_assert_max_num_queries(6):
        page()


def test_annotators_pay_nothing_for_the_bell(client, ana, django_assert_num_queries):
    client.force_login(ana)
    client.get(reverse("account:profile"))

    with django_assert_num_queries(4) as asked:  # session, person, the same person to be edited, languages
        shown = client.get(reverse("account:profile")).content.decode()

    assert "/news/" not in shown
    assert not [query for query in asked.captured_queries if "notification" in query["sql"]]
