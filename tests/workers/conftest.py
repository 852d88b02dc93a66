"""What the tests of the workers share."""

from pathlib import Path

import pytest
from django.conf import settings as project

from annotate import broker
from annotate.models import Run
from tests.annotate.factories import RunFactory


@pytest.fixture
def scripted(tmp_path, settings):
    """Put a script in the place of `python -m alignment`."""
    (tmp_path / "alignment").mkdir()
    (tmp_path / "alignment" / "__init__.py").touch()
    (tmp_path / "workers").symlink_to(project.ROOT / "workers")
    settings.ROOT = tmp_path

    def write(script: str) -> None:
        (tmp_path / "alignment" / "__main__.py").write_text(script)

    return write


@pytest.fixture
def directory(tmp_path) -> Path:
    """A work directory that nobody has used yet."""
    return tmp_path / "run"


@pytest.fixture
def claimed(now):
    """A run that a worker has just claimed."""
    run = RunFactory(status="queued")
    return Run.objects.claim(run.pk, worker="w", now=now)


@pytest.fixture
def announced(monkeypatch):
    """The ids that were rung for, in order."""
    ids = []
    monkeypatch.setattr(broker, "announce", lambda run_ids: ids.extend(run_ids))
    return ids
