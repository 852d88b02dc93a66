"""Backups of a PostgreSQL and of a SQLite, restored into fresh ones."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.authtoken.models import Token

from annotate import broker
from annotate.models import Run, User
from annotate.services import dumps
from annotate.services.dumps import SECRET_TABLES
from tests.alignment import conftest as checkpoints
from tests.annotate.factories import JudgmentFactory, RunFactory, UserFactory
from tests.services.conftest import ROOT, rows_in, wait_until
from tests.services.units import read_unit
from tests.services.work import news_of, queue_sampling, under_way
from workers.job import store

pytestmark = [pytest.mark.services, pytest.mark.own_servers]

tiny_policy = checkpoints.tiny_policy
SECRET = "a-session-key-that-is-worth-something"  # noqa: S105 (that is what the test looks for)


@pytest.fixture(params=["postgresql", "sqlite"])
def vendor(request):
    return request.param


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite that is migrated, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "sqlite3"
    named = os.environ | {"DATABASE_URL": f"sqlite:///{file}"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=named, check=True)  # noqa: S603
    return file


@pytest.fixture
def fresh(vendor, postgres, migrated_file, django_db_blocker, tmp_path, settings, monkeypatch):
    """Enters an installation that holds nothing, or tables without rows, under a name of its own."""
    monkeypatch.setattr(broker, "announce", lambda run_ids: None)
    postgres.start()

    @contextmanager
    def enter(name, *, migrated=False):
        if vendor == "postgresql":
            postgres.create_database(name, template="migrated" if migrated else "template0")
        elif migrated:
            shutil.copy(migrated_file, tmp_path / name)
        url = postgres.url(name) if vendor == "postgresql" else f"sqlite:///{tmp_path / name}"
        settings.ARTIFACTS = tmp_path / f"artifacts-{name}"
        with django_db_blocker.unblock(), rows_in(url):
            yield

    return enter


@pytest.fixture
def lived_in(fresh, tmp_path):
    """An installation with rows, artifacts and secrets; gives its backup directory."""
    with fresh("first", migrated=True):
        judgment = JudgmentFactory()
        run = RunFactory(
            status="running", worker="w:1", attempt=1, attempts_left=0, heartbeat_at=timezone.now()
        )
        run.parents.add(RunFactory(status="succeeded"))
        store().put_lines("prompts.jsonl", [judgment.comparison.prompt.as_record()])
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "weights").write_bytes(b"\0\1" * 1000)
        store().put(tmp_path / "model")
        Token.objects.create(user=UserFactory(username="api"), key="t" * 40)
        Session.objects.create(session_key=SECRET, session_data="x", expire_date=timezone.now())
        call_command("backup", str(tmp_path / "backups"))
        yield tmp_path / "backups"


def contents() -> dict[str, tuple[int, str]]:
    """The number of rows of each table and a digest of them."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names()):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            rows = sorted(repr(row) for row in cursor.fetchall())
            found[table] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def without(names, found):
    return {table: content for table, content in found.items() if table not in names}


def test_every_row_and_every_artifact_comes_back(lived_in, fresh):
    before, digests = contents(), store().digests()

    with fresh("second"):
        call_command("restore", str(lived_in))

        after = contents()
        changed = {"annotate_run"}  # what was under way is queued again
        assert without((*SECRET_TABLES, *changed), after) == without((*SECRET_TABLES, *changed), before)
        assert after["annotate_run"][0] == before["annotate_run"][0]
        assert store().digests() == digests
        assert all(store().verify(digest) for digest in digests)


def test_a_restored_database_numbers_new_rows_after_the_old_ones(lived_in, fresh):
    with fresh("second"):
        call_command("restore", str(lived_in))

        assert RunFactory().pk == Run.objects.count()


def test_the_database_still_guards_evidence_after_a_restore(lived_in, fresh):
    with fresh("second"):
        call_command("restore", str(lived_in))

        with pytest.raises(Exception, match="never edited"), connection.cursor() as cursor:
            cursor.execute("UPDATE annotate_judgment SET points = 0")


def test_no_secret_is_in_a_backup(lived_in, fresh, settings):
    everything = b"".join(path.read_bytes() for path in lived_in.rglob("*") if path.is_file())
    assert settings.SECRET_KEY.encode() not in everything
    assert SECRET.encode() not in everything
    assert b"t" * 40 not in everything

    with fresh("second"):
        call_command("restore", str(lived_in))

        assert not Session.objects.exists()
        assert not Token.objects.exists()


def test_a_run_under_way_is_queued_by_a_restore_and_gets_its_attempt_back(lived_in, fresh):
    with fresh("second"):
        call_command("restore", str(lived_in))

        run = Run.objects.get(worker="w:1")
        assert (run.status, run.attempts_left) == ("queued", 1)


def test_a_second_backup_copies_only_what_is_new(lived_in, tmp_path, capsys):
    store().put(tmp_path / "model" / "weights")

    call_command("backup", str(lived_in))

    assert "3 artifacts, 1 of them new" in capsys.readouterr().out


def test_only_the_newest_backups_are_kept(lived_in):
    for _ in range(3):
        call_command("backup", str(lived_in), keep=2)

    assert len(list(lived_in.glob("2*"))) == 2


def test_a_backup_fits_into_one_file(lived_in, fresh, tmp_path):
    before = contents()
    call_command("backup", str(tmp_path / "all.tar"))

    with fresh("second"):
        call_command("restore", str(tmp_path / "all.tar"))

        assert without((*SECRET_TABLES, "annotate_run"), contents()) == without(
            (*SECRET_TABLES, "annotate_run"), before
        )
        assert len(store().digests()) == 2


def test_a_database_with_rows_is_replaced_only_when_that_is_said(lived_in, fresh):
    UserFactory(username="later")

    with pytest.raises(CommandError, match="The database is not empty"):
        call_command("restore", str(lived_in))
    assert User.objects.filter(username="later").exists()
    call_command("restore", str(lived_in), replace=True)

    assert not User.objects.filter(username="later").exists()
    assert User.objects.filter(username="api").exists()


def test_tables_without_rows_are_no_hindrance(lived_in, fresh):
    with fresh("second", migrated=True):
        call_command("restore", str(lived_in))

        assert User.objects.filter(username="api").exists()


def test_the_unit_of_the_nightly_backup_makes_one(grown, tmp_path):
    command = [
        word.replace("/var/backups/polyreward", str(tmp_path))
        for word in read_unit("polyreward-backup").command
    ]

    subprocess.run(command, cwd=ROOT, env=grown.environment, check=True)  # noqa: S603

    assert len(list(tmp_path.glob("2*/manifest.json"))) == 1


def test_a_restored_installation_can_be_backed_up_and_restored_again(lived_in, fresh, tmp_path):
    with fresh("second"):
        call_command("restore", str(lived_in))
        call_command("backup", str(tmp_path / "again"))
        before = contents()

        call_command("restore", str(tmp_path / "again"), replace=True)

        assert contents() == before


@pytest.mark.parametrize("damaged", ["2*/database", "artifacts/*/*/model/weights"])
def test_a_damaged_backup_is_refused_before_anything_changes(lived_in, fresh, damaged):
    (path,) = lived_in.glob(damaged)
    path.chmod(0o644)
    path.write_bytes(b"damaged")

    with fresh("second"):
        with pytest.raises(CommandError, match="changed after"):
            call_command("restore", str(lived_in))

        assert contents() == {}


def test_a_database_that_cannot_be_loaded_leaves_the_old_one(lived_in):
    (manifest,) = lived_in.glob("2*/manifest.json")
    values = json.loads(manifest.read_text())
    values["counts"]["annotate_user"] += 1
    manifest.write_text(json.dumps(values))
    UserFactory(username="later")

    with pytest.raises(CommandError, match="annotate_user has not the rows"):
        call_command("restore", str(lived_in), replace=True)

    assert User.objects.filter(username="later").exists()
    assert not dumps._aside_exists()


@pytest.mark.parametrize("vendor", ["postgresql"])
def test_a_restore_that_was_killed_does_not_cost_the_old_rows(lived_in, vendor):
    with connection.cursor() as cursor:  # what kill -9 leaves while pg_restore is at work
        cursor.execute(f"ALTER SCHEMA public RENAME TO {dumps.ASIDE}")
        cursor.execute("CREATE SCHEMA public")
    (manifest,) = lived_in.glob("2*/manifest.json")
    manifest.write_text(manifest.read_text().replace('"annotate_user": ', '"annotate_user": 1'))

    with pytest.raises(CommandError, match="annotate_user has not the rows"):
        call_command("restore", str(lived_in), replace=True)

    assert User.objects.filter(username="api").exists()


def test_a_backup_of_a_newer_version_is_refused(lived_in):
    (manifest,) = lived_in.glob("2*/manifest.json")
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(values | {"migrations": [*values["migrations"], "annotate.9999_later"]}))

    with pytest.raises(CommandError, match="annotate.9999_later, which this version lacks"):
        call_command("restore", str(lived_in), replace=True)


def test_a_directory_without_a_backup_is_refused(fresh, tmp_path):
    with fresh("empty"), pytest.raises(CommandError, match="There is no backup at"):
        call_command("restore", str(tmp_path))


def test_a_run_of_which_a_backup_was_taken_midway_is_done_after_a_restore(
    grown, start_worker, tiny_policy, tmp_path, settings
):
    run = queue_sampling(tiny_policy)
    broker.announce([run.pk])
    worker = start_worker()
    wait_until(lambda: under_way(run))
    call_command("backup", str(tmp_path / "backups"))
    worker.kill()
    grown.postgres.create_database("restored")
    settings.ARTIFACTS = tmp_path / "artifacts"
    grown.environment.update(
        DATABASE_URL=grown.postgres.url("restored"),
        POLYREWARD_ARTIFACTS=str(settings.ARTIFACTS),
        POLYREWARD_RUNS=str(tmp_path / "runs"),
    )

    with rows_in(grown.postgres.url("restored")):
        call_command("restore", str(tmp_path / "backups"))

        assert (news_of(run).status, run.attempts_left) == ("queued", Run.MAX_ATTEMPTS)
        start_worker()
        wait_until(lambda: news_of(run).is_terminal, 120)
        assert run.status == "succeeded", run.error
        assert store().verify(run.artifacts.get().digest)
