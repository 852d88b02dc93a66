"""A run shows the command it runs; cancelling is one transition, so no flag asks for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotate", "0002_evidence_is_append_only")]
    operations = [
        migrations.RemoveField(model_name="run", name="cancel_requested_at"),
        migrations.AddField(
            model_name="run",
            name="command",
            field=models.TextField(blank=True, help_text="what a shell would do the same with"),
        ),
    ]
