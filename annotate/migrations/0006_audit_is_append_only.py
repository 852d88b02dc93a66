"""Let the database itself refuse a change of the audit trail, as of evidence."""

from importlib import import_module

from django.db import migrations

evidence = import_module("annotate.migrations.0002_evidence_is_append_only")


def protect(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute((evidence.POSTGRESQL if postgresql else evidence.SQLITE).format(table="auditentry"))


def release(apps, schema_editor):
    place = " ON annotate_auditentry" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER auditentry_is_append_only{place}")


class Migration(migrations.Migration):
    dependencies = [("annotate", "0005_launch_side")]
    operations = [migrations.RunPython(protect, release)]
