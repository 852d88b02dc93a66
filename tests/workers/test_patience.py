"""A database that cannot be reached for a while: no work is stopped, failed or lost for it."""

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from alignment.progress import Step
from annotate.models import Run
from annotate.services.runs import RunTakenAwayError
from workers.heartbeat import Heartbeat
from workers.patience import patiently

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def outage(num_statements):
    """The next so many statements do not reach the database."""
    left = [num_statements]

    def refuse(execute, *statement):
        if left[0]:
            left[0] -= 1
            raise OperationalError("the server closed the connection")
        return execute(*statement)

    with connection.execute_wrapper(refuse):
        yield


def test_a_heartbeat_that_does_not_arrive_is_made_up_for_by_the_next(claimed):
    heartbeat = Heartbeat(claimed, interval=0)

    with outage(num_statements=1):
        heartbeat(Step(done=3, total=9, unit="prompts"))
        heartbeat.beat()

    claimed.refresh_from_db()
    assert claimed.done == 3


def test_a_run_that_was_taken_away_meanwhile_is_noticed_by_the_next_heartbeat(claimed):
    heartbeat = Heartbeat(claimed, interval=0)
    Run.objects.update(attempt=2)

    with outage(num_statements=1):
        heartbeat.beat()

        with pytest.raises(RunTakenAwayError):
            heartbeat.beat()


def test_a_write_is_repeated_until_the_database_is_back(claimed):
    with outage(num_statements=3):
        patiently(lambda: Run.objects.held(claimed).update(error="kept"), pause=0)

    claimed.refresh_from_db()
    assert claimed.error == "kept"


def test_patience_ends_with_the_error_of_the_database():
    with outage(num_statements=10), pytest.raises(OperationalError, match="closed the connection"):
        patiently(Run.objects.count, patience=0, pause=0)


def test_what_happens_within_a_transaction_is_not_repeated_alone():
    statements = []

    def write():
        statements.append("one")
        raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError), transaction.atomic():
        patiently(write, pause=0)

    assert statements == ["one"]
