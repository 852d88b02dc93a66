"""What the audit trail holds: each act that it promises, and nothing secret."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse
from rest_framework.authtoken.models import Token

from annotate.admin import Audited, ReadOnlyAdmin
from annotate.models import AuditEntry, User
from annotate.services import audit, downloads
from tests.annotate.factories import ExperimentFactory, LanguageFactory, StudyFactory

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"


@pytest.fixture
def root(client) -> User:
    root = User.objects.create_superuser("root", password=PASSWORD)
    client.force_login(root)
    return root


def only(action) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def recorded_in_code() -> set[str]:
    """Each action that some call of a function named record… passes as a plain string."""
    found = set()
    for path in (Path(settings.ROOT) / "annotate").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("audit.record", "record")):
                texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str)}
    return found


def recorded_in_admin() -> set[str]:
    kinds = [model._meta.model_name for model, shown in admin.site._registry.items() if _changes(shown)]
    return {
        f"{kind.removesuffix('proxy')}.{verb}" for kind in kinds for verb in ("added", "changed", "deleted")
    }


def _changes(shown) -> bool:
    return not isinstance(shown, ReadOnlyAdmin)


def test_every_action_has_its_words():
    assert recorded_in_code() | recorded_in_admin() == set(audit.ACTIONS)


def test_every_action_is_in_the_documents():
    lines = (Path(settings.ROOT) / "docs/audit.md").read_text().splitlines()
    table = " ".join(line for line in lines if line.startswith("| `"))

    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", table)) == set(audit.ACTIONS)


def test_whatever_can_be_changed_in_the_admin_site_is_audited():
    changing = [shown for shown in admin.site._registry.values() if _changes(shown)]

    assert [shown for shown in changing if not isinstance(shown, Audited)] == []


def test_signing_in_and_out_is_kept(client, ana):
    ana.set_password(PASSWORD)
    ana.save()

    client.post(reverse("account:login"), {"username": "ana", "password": PASSWORD})
    client.post(reverse("account:logout"))

    assert only("account.signed_in").actor == only("account.signed_out").actor == ana


@pytest.mark.parametrize("address", ["account:login", "admin:login", "api:token"])
def test_a_failed_sign_in_names_the_person_and_not_the_password(client, ana, address):
    client.post(reverse(address), {"username": "ana", "password": "guessed wrongly"})

    entry = only("account.sign_in_failed")
    assert (entry.actor, entry.subject, entry.detail) == (None, "ana", {})


def test_a_name_that_nobody_has_is_not_kept_for_it_may_be_a_password(client, db):
    client.post(reverse("account:login"), {"username": "hunter2", "password": "x"})

    assert "hunter2" not in str(AuditEntry.objects.values())


def test_a_token_is_noted_and_not_shown(client, ana):
    ana.set_password(PASSWORD)
    ana.save()

    answer = client.post(reverse("api:token"), {"username": "ana", "password": PASSWORD})

    key = answer.json()["token"]
    assert Token.objects.get().key == key
    assert only("token.added").actor == ana
    assert key not in str(AuditEntry.objects.values())


def test_an_admin_who_adds_a_person_is_noted(client, root):
    fields = {"username": "nina", "password1": PASSWORD, "password2": PASSWORD, "role": "annotator"}
    inline = {"proficiencies-TOTAL_FORMS": 0, "proficiencies-INITIAL_FORMS": 0}

    client.post(reverse("admin:annotate_user_add"), fields | inline | {"usable_password": "true"})

    entry = only("user.added")
    assert (entry.actor, entry.subject) == (root, "nina")
    assert entry.detail == {"role": "annotator", "active": True, "superuser": False}


def test_an_admin_who_changes_a_study_is_noted(client, root):
    study = StudyFactory(name="Warm lines")
    LanguageFactory(tag="en")

    client.post(
        reverse("admin:annotate_study_change", args=[study.pk]),
        {"name": "Warm lines", "status": "closed", "lease_minutes": 15},
    )

    entry = only("study.changed")
    assert (entry.actor, entry.subject, entry.detail["status"]) == (root, "Warm lines", "closed")
    assert "Status" in str(entry.detail["changes"])


def test_an_admin_who_deletes_is_noted(client, root):
    language = LanguageFactory(tag="tr")

    client.post(reverse("admin:annotate_language_delete", args=["tr"]), {"post": "yes"})

    assert (only("language.deleted").actor, only("language.deleted").subject) == (root, str(language))


def test_a_token_in_the_admin_site_is_noted_by_its_owner(client, root, ana):
    client.post(reverse("admin:authtoken_tokenproxy_add"), {"user": ana.pk})

    assert only("token.added").subject == "ana"
    assert Token.objects.get().key not in str(AuditEntry.objects.values())


@pytest.mark.parametrize("name", list(downloads.FILES))
def test_a_download_is_noted(client, rosa, name):
    experiment = ExperimentFactory()
    client.force_login(rosa)

    client.get(f"/experiments/{experiment.pk}/{name}")

    entry = only("results.downloaded")
    assert (entry.actor, entry.subject_id) == (rosa, str(experiment.pk))
    assert entry.detail == {"file": name, "both_bad": "tie"}


def test_results_by_the_api_are_noted(client, rosa):
    client.force_login(rosa)

    client.get(f"/api/v1/experiments/{ExperimentFactory().pk}/results/")

    assert (only("results.downloaded").actor, only("results.downloaded").detail["file"]) == (
        rosa,
        "win rates by the API",
    )


def test_an_import_on_the_page_is_noted_and_a_check_is_not(client, rosa, tmp_path):
    client.force_login(rosa)
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"prompt": "Hola", "language": "es", "dataset": "greetings"}\nbroken\n')
    fields = {"format": "jsonl", "task": "continuation", "split": "train"}

    for more in ({"check": "1"}, {}):
        with lines.open("rb") as file:
            client.post(reverse("imports:page"), fields | more | {"file": file})

    entry = only("data.imported")
    assert (entry.actor, entry.detail["data_sets"]) == (rosa, ["greetings"])
    assert (entry.detail["added"], entry.detail["broken"]) == (1, 1)


def test_commands_are_noted_with_the_account_of_the_shell(tmp_path, capsys, monkeypatch, db):
    monkeypatch.setenv("LOGNAME", "margaret")
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"prompt": "Hola", "language": "es", "dataset": "greetings"}\n')

    call_command("import_data", str(lines), "--task", "continuation", "--dry-run")
    call_command("import_data", str(lines), "--task", "continuation")
    call_command("export_data", "--task", "continuation", "--dataset", "greetings")
    call_command("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.org")

    for action in ("data.imported", "data.exported", "user.added"):
        assert (only(action).actor, only(action).detail["shell"]) == (None, "margaret")
    assert only("user.added").subject == "root"
