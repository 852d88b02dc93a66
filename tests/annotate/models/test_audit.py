"""The database keeps the audit trail as it was written."""

import pytest
from django.db import DatabaseError, transaction

from annotate.models import AuditEntry
from annotate.services import audit
from tests.annotate.factories import ExperimentFactory

pytestmark = pytest.mark.django_db


def test_no_entry_can_be_changed(adam):
    entry = audit.record(adam, "experiment.launched")

    with pytest.raises(DatabaseError, match="auditentry is evidence"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).update(actor=None)

    assert AuditEntry.objects.get(pk=entry.pk).actor == adam


def test_an_entry_outlives_its_subject(adam):
    experiment = ExperimentFactory(name="Warm lines")
    audit.record(adam, "experiment.launched", experiment, runs=3)
    pk = experiment.pk
    experiment.delete()

    entry = AuditEntry.objects.get(action="experiment.launched")

    assert (entry.subject_kind, entry.subject_id, entry.subject) == ("experiment", str(pk), "Warm lines")
    assert entry.detail == {"runs": 3}
