"""The rules of the house that no other tool checks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from annotate.models import Run

ROOT = Path(__file__).parent.parent
PACKAGES = ("alignment", "annotate", "workers")
MODULES = [
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
]
NOTHING_NAMES = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py"}


def test_the_site_starts_without_torch():
    script = (
        "import django, sys; django.setup(); import annotate.urls; "
        "print([name for name in ('torch', 'transformers', 'trl') if name in sys.modules])"
    )
    started = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert started.stdout.strip() == "[]"


@pytest.mark.django_db
def test_every_change_of_a_row_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_module_holds_two_ideas():
    too_long = {str(path.relative_to(ROOT)) for path in MODULES if len(path.read_text().splitlines()) > 300}

    assert too_long == set()


def test_every_module_has_a_name_that_says_something():
    assert [path for path in MODULES if path.name in NOTHING_NAMES] == []


def test_every_environment_variable_is_documented():
    read = re.compile(r"\b(?:POLYREWARD_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")
    documented = set(read.findall((ROOT / "docs/settings.md").read_text()))
    used = {name for path in MODULES for name in read.findall(path.read_text())}

    assert used == documented


def test_every_kind_of_run_is_in_the_documents():
    text = (ROOT / "docs/runs.md").read_text()

    assert [kind for kind in Run.Kind.values if f"`{kind}`" not in text] == []
