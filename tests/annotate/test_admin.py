import pytest
from django.contrib import admin
from django.urls import reverse

from annotate.models import Judgment, User
from tests.annotate.factories import JudgmentFactory

pytestmark = pytest.mark.django_db
OWN = [model for model in admin.site._registry if model._meta.app_label == "annotate"]


@pytest.fixture
def superuser() -> User:
    return User.objects.create_superuser("root", password="a long enough password")


def test_a_superuser_is_an_admin(superuser):
    assert superuser.is_admin


@pytest.mark.parametrize("model", OWN, ids=lambda model: model.__name__)
def test_every_kind_of_row_can_be_looked_at(client, superuser, model):
    client.force_login(superuser)

    assert client.get(reverse(f"admin:annotate_{model._meta.model_name}_changelist")).status_code == 200


def test_evidence_cannot_be_changed_by_hand(client, superuser):
    judgment = JudgmentFactory(points=2)
    client.force_login(superuser)

    answer = client.post(reverse("admin:annotate_judgment_change", args=[judgment.pk]), {"points": 0})

    assert answer.status_code == 403
    assert Judgment.objects.get().points == 2
