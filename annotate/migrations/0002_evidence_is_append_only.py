"""Let the database itself refuse a change of evidence: responses, ratings, judgments, artifacts."""

from django.db import migrations

EVIDENCE = ("response", "rating", "judgment", "artifact")

SQLITE = """
CREATE TRIGGER {table}_is_append_only BEFORE UPDATE ON annotate_{table}
BEGIN SELECT RAISE(ABORT, '{table} is evidence and is never edited'); END
"""
POSTGRESQL = """
CREATE TRIGGER {table}_is_append_only BEFORE UPDATE ON annotate_{table}
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence()
"""
POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is evidence and is never edited', TG_TABLE_NAME USING ERRCODE = 'check_violation'; END
$$
"""


def protect(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:
        schema_editor.execute(POSTGRESQL_FUNCTION, params=None)
    for table in EVIDENCE:
        schema_editor.execute((POSTGRESQL if postgresql else SQLITE).format(table=table))


def release(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    for table in EVIDENCE:
        place = f" ON annotate_{table}" if postgresql else ""
        schema_editor.execute(f"DROP TRIGGER {table}_is_append_only{place}")
    if postgresql:
        schema_editor.execute("DROP FUNCTION refuse_change_of_evidence()")


class Migration(migrations.Migration):
    dependencies = [("annotate", "0001_rows")]
    operations = [migrations.RunPython(protect, release)]
