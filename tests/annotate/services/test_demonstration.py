import stat

import pytest
from django.core.management import call_command

from annotate.models import Experiment, Run, User
from annotate.services import demonstration

pytestmark = pytest.mark.django_db


@pytest.fixture
def sign_ins(tmp_path):
    return demonstration.people(tmp_path / "passwords.json")


@pytest.fixture
def sample(sign_ins):
    call_command("load_sample", verbosity=0)


def test_there_is_somebody_of_each_role_who_can_sign_in(sign_ins, client):
    assert [person.role for person in sign_ins] == ["annotator", "researcher", "admin"]
    for person in sign_ins:
        assert client.login(username=person.name, password=person.password)


def test_the_passwords_stay_and_only_their_owner_reads_them(tmp_path):
    path = tmp_path / "passwords.json"

    assert demonstration.people(path) == demonstration.people(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert User.objects.count() == 3


def test_it_is_launched_once(sample):
    assert demonstration.launch_once() == demonstration.launch_once()

    assert Experiment.objects.count() == 1
    assert Run.objects.count() == 8


def test_a_broken_run_is_retried_the_next_time(sample):
    experiment = demonstration.launch_once()
    Run.objects.filter(kind=Run.Kind.SAMPLE).update(status=Run.Status.FAILED, error="no space left")

    demonstration.launch_once()

    assert not experiment.runs.filter(status=Run.Status.FAILED).exists()
