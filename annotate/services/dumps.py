"""The database as one file: taken at one moment while the site works, and put in the place of another."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection, transaction
from django.db.backends.postgresql.client import DatabaseClient

from annotate.errors import AnnotateError

# Whoever holds these rows may act as somebody else, so no dump has them: people sign in again afterwards.
SECRET_TABLES = ("django_session", "authtoken_token")
ASIDE = "polyreward_before_restore"  # the schema that waits until a restore has succeeded


class BackupError(AnnotateError):
    """A backup that could not be made or restored; nothing was changed by it."""

    code = "backup"


def dump(file: Path) -> dict[str, int]:
    """Write the whole database to `file`, without secrets. Returns the rows of each table in it."""
    return _dump_postgresql(file) if connection.vendor == "postgresql" else _dump_sqlite(file)


def load(file: Path, counts: dict[str, int]) -> None:
    """Replace the whole database by a dump of the same vendor. Raises BackupError, the database unchanged."""
    if connection.vendor == "postgresql":
        _load_postgresql(file, counts)
    else:
        connection.ensure_connection()
        with closing(sqlite3.connect(file)) as copy:
            _compare(counts, _sqlite_counts(copy))
            copy.backup(connection.connection)
    connection.close()


def holds_rows() -> bool:
    """Whether there is anything of ours in the database that a restore would replace."""
    tables = [name for name in connection.introspection.table_names() if name.startswith("annotate_")]
    return _aside_exists() or any(_first(f'SELECT EXISTS (SELECT 1 FROM "{name}")') for name in tables)  # noqa: S608


def _dump_sqlite(file: Path) -> dict[str, int]:
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        connection.connection.backup(copy)
        for table in set(SECRET_TABLES) & _sqlite_counts(copy).keys():
            copy.execute(f'DELETE FROM "{table}"')  # noqa: S608 (the names stand above)
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("VACUUM")  # so that nothing of what was deleted is left in the file
        return _sqlite_counts(copy)


def _sqlite_counts(database: sqlite3.Connection) -> dict[str, int]:
    names = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return {
        name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
        for (name,) in names.fetchall()
    }


def _dump_postgresql(file: Path) -> dict[str, int]:
    """pg_dump and our counts see the same moment, for they share a snapshot."""
    with transaction.atomic():
        _execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = _first("SELECT pg_export_snapshot()")
        without = [f"--exclude-table-data={table}" for table in SECRET_TABLES]
        how = ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot}", f"--file={file}"]
        _run("pg_dump", *how, *without)
        return _counts() | dict.fromkeys(SECRET_TABLES, 0)


def _load_postgresql(file: Path, counts: dict[str, int]) -> None:
    with _old_schema_aside():
        name = connection.settings_dict["NAME"]
        how = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-acl", f"--dbname={name}"]
        _run("pg_restore", *how, str(file))
        _compare(counts, _counts())


@contextmanager
def _old_schema_aside() -> Iterator[None]:
    """An empty schema to fill; the old one comes back where that fails, and goes where it succeeds."""
    _tidy_up()
    with transaction.atomic():
        _execute(f"ALTER SCHEMA public RENAME TO {ASIDE}")
        _execute("CREATE SCHEMA public")
    try:
        yield
    except BaseException:
        _bring_back()
        raise
    _execute(f"DROP SCHEMA {ASIDE} CASCADE")


def _tidy_up() -> None:
    """After a restore that was killed: bring back the old schema, unless the new one was loaded already.

    pg_restore works in one transaction, so the new schema is whole or empty.
    """
    if _aside_exists():
        if connection.introspection.table_names():
            _execute(f"DROP SCHEMA {ASIDE} CASCADE")
        else:
            _bring_back()


def _bring_back() -> None:
    with transaction.atomic():
        _execute("DROP SCHEMA public CASCADE")
        _execute(f"ALTER SCHEMA {ASIDE} RENAME TO public")


def _aside_exists() -> bool:
    if connection.vendor != "postgresql":
        return False
    return bool(_first(f"SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = '{ASIDE}')"))  # noqa: S608


def _counts() -> dict[str, int]:
    tables = sorted(connection.introspection.table_names())
    return {name: _first(f'SELECT count(*) FROM "{name}"') for name in tables}  # noqa: S608


def _compare(expected: dict[str, int], found: dict[str, int]) -> None:
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise BackupError(f"The table {wrong[0]} has not the rows that it should have; use another backup.")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _first(statement: str) -> int:
    """The one value that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def _run(program: str, *arguments: str) -> None:
    """Run a client program of PostgreSQL, told of the database by its environment, where no list of processes
    shows the password.
    """
    _, named = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    chosen = connection.settings_dict
    variables = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGDATABASE": "NAME"}
    named = dict(named or {}) | {
        variable: str(chosen[key]) for variable, key in variables.items() if chosen[key]
    }
    try:
        subprocess.run(  # noqa: S603 (no shell; every argument is ours)
            [program, *arguments], env=os.environ | named, check=True, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise BackupError(
            f"{program} was not found: install the client programs of PostgreSQL (postgresql-client)."
        ) from error
    except subprocess.CalledProcessError as error:
        raise BackupError(f"{program} failed: {error.stderr.strip()}") from error
