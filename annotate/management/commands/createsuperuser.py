"""Django's command, with an entry in the audit trail for each person that it makes."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db import transaction

from annotate.models import User
from annotate.services import audit


class Command(createsuperuser.Command):
    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        known = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
        super().handle(*args, **options)
        for person in User.objects.filter(is_superuser=True).exclude(pk__in=known):
            audit.record_from_shell("user.added", person, role=person.role, active=True, superuser=True)
