"""What tests of every package share: a moment in time and a small cast of people."""

from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.db import connection

from annotate.models import User
from annotate.services import evidence
from tests.annotate.factories import LanguageFactory, ProficiencyFactory, UserFactory


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite lies in a file, where the worker processes and servers that a test starts find it too."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(settings.VAR / "polyreward.sqlite3")


@pytest.fixture(autouse=True)
def nothing_measured() -> None:
    """What was read of one test's rows says nothing about those of the next, which have the same numbers."""
    evidence.forget()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def ana(db: None) -> User:
    """A native speaker of Spanish."""
    return ProficiencyFactory(user__username="ana", language=LanguageFactory(tag="es")).user


@pytest.fixture
def luis(db: None) -> User:
    """Another native speaker of Spanish."""
    return ProficiencyFactory(user__username="luis", language=LanguageFactory(tag="es")).user


@pytest.fixture
def rosa(db: None) -> User:
    """A researcher who speaks no language here."""
    return UserFactory(username="rosa", role=User.Role.RESEARCHER)


@pytest.fixture
def adam(db: None) -> User:
    """An admin who speaks no language here."""
    return UserFactory(username="adam", role=User.Role.ADMIN)
