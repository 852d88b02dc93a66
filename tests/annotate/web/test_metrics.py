"""What Prometheus reads: who may, and that the numbers are those of the rows."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.utils import timezone
from kombu.exceptions import OperationalError
from prometheus_client.parser import text_string_to_metric_families

from annotate import broker
from annotate.models import Attempt, Worker
from tests.annotate.factories import DeliveryFactory, ExperimentFactory, JudgmentFactory, RunFactory

pytestmark = pytest.mark.django_db
TOKEN = "0123456789" * 4


@pytest.fixture(autouse=True)
def token(settings):
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture(autouse=True)
def messages(monkeypatch):
    counts = {"cpu": 0, "gpu": 3}
    monkeypatch.setattr(broker, "num_messages", lambda queue: counts[queue])


@pytest.fixture
def scrape(client):
    """Ask as Prometheus does. Returns a look-up of a sample's value by its name and labels."""

    def look_up(name, /, **labels):
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        samples = [sample for family in families for sample in family.samples]
        return [one.value for one in samples if one.name == f"polyreward_{name}" and one.labels == labels]

    return look_up


@pytest.mark.parametrize(
    "said", [None, "", TOKEN, f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", "Bearer é"]
)
def test_without_the_right_token_nothing_is_shown(client, said):
    answer = client.get("/metrics", headers={} if said is None else {"Authorization": said})

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"polyreward_" not in answer.content


def test_where_no_token_is_set_there_is_nothing(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_runs_are_counted_by_kind_and_state(scrape):
    RunFactory.create_batch(2, kind="score", status="queued")

    assert scrape("runs", kind="score", state="queued") == [2]
    assert scrape("runs", kind="sample", state="running") == [0]


def test_the_oldest_run_in_a_queue_counts_from_when_it_was_queued(scrape):
    now = timezone.now()
    RunFactory(status="queued", queue="gpu", queued_at=now - timedelta(minutes=2))
    RunFactory(status="queued", queue="gpu", queued_at=now - timedelta(minutes=1))
    held_back = RunFactory(status="queued", queue="gpu", queued_at=now - timedelta(days=1))
    held_back.experiments.add(ExperimentFactory(paused_at=now))

    assert scrape("oldest_queued_seconds", queue="gpu") == [pytest.approx(120, abs=10)]
    assert scrape("oldest_queued_seconds", queue="cpu") == [0]


def test_silence_is_measured(scrape):
    now = timezone.now()
    RunFactory(status="running", heartbeat_at=now - timedelta(seconds=30))
    RunFactory(status="running", heartbeat_at=now)

    assert scrape("oldest_heartbeat_seconds") == [pytest.approx(30, abs=10)]
    assert scrape("last_sweep_seconds") == []


def test_workers_and_their_devices_are_shown_while_they_are_alive(scrape):
    now = timezone.now()
    device = {"name": "H100", "memory_bytes": 80 * 10**9, "used_bytes": 4 * 10**9, "utilisation": 50}
    common = {"host": "a", "started_at": now, "heartbeat_at": now}
    unknown = device | {"utilisation": None}
    Worker.objects.create(name="a:1", queues=["gpu", "cpu"], devices=[device, unknown], **common)
    Worker.objects.create(name="a:2", queues=["gpu"], stopped_at=now, **common)

    assert scrape("workers_alive", queue="gpu") == [1]
    assert scrape("workers_alive", queue="cpu") == [1]
    assert scrape("gpu_memory_bytes", worker="a:1", device="0", name="H100") == [80e9]
    assert scrape("gpu_memory_used_bytes", worker="a:1", device="1", name="H100") == [4e9]
    assert scrape("gpu_utilisation_ratio", worker="a:1", device="0", name="H100") == [0.5]
    assert scrape("gpu_utilisation_ratio", worker="a:1", device="1", name="H100") == []
    assert scrape("last_sweep_seconds") == [pytest.approx(0, abs=10)]


def test_attempts_are_counted_by_outcome(scrape, now):
    for number, outcome in enumerate(("lost", "lost", ""), 1):
        ended = now if outcome else None
        Attempt.objects.create(
            run=RunFactory(), number=number, worker="a:1", started_at=now, ended_at=ended, outcome=outcome
        )

    assert scrape("attempts", outcome="lost") == [2]
    assert scrape("attempts", outcome="under way") == [1]


def test_judgments_are_counted_in_all_and_lately_by_language(scrape):
    last = [JudgmentFactory(comparison__prompt__prompt_set__language__tag=tag) for tag in ("es", "tr", "tr")][
        -1
    ]
    JudgmentFactory(created_at=timezone.now() - timedelta(hours=2))

    assert scrape("judgments_total") == [last.pk + 1]
    assert scrape("judgments_last_hour", language="tr") == [2]
    assert scrape("judgments_last_hour", language="es") == [1]


def test_deliveries_that_wait_or_failed_are_counted(scrape):
    for status in ("waiting", "waiting", "failed", "sent"):
        DeliveryFactory(status=status)

    assert scrape("deliveries", state="waiting") == [2]
    assert scrape("deliveries", state="failed") == [1]
    assert scrape("deliveries", state="sent") == []


def test_the_broker_and_the_disk_are_looked_at(scrape):
    assert scrape("broker_up") == [1]
    assert scrape("broker_messages", queue="gpu") == [3]
    assert 0 < scrape("artifacts_free_bytes")[0] <= scrape("artifacts_disk_bytes")[0]


def test_a_broker_that_is_down_is_said_and_breaks_nothing(scrape, monkeypatch):
    def down(queue):
        raise OperationalError

    monkeypatch.setattr(broker, "num_messages", down)

    assert scrape("broker_up") == [0]
    assert scrape("broker_messages", queue="gpu") == []


def test_a_scrape_asks_a_handful_of_queries(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})


def test_every_metric_is_in_the_documents(client):
    documented = set(
        re.findall(r"`(polyreward_[a-z_]+)`", (Path(project.ROOT) / "docs/metrics.md").read_text())
    )

    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()

    names = {line.split()[2] for line in answer.splitlines() if line.startswith("# HELP")}
    assert names == documented
