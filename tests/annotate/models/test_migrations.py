"""What an upgrade makes of the rows that are there."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE_LAUNCH_SIDE = [("annotate", "0004_superusers_are_admins")]
LAUNCH_SIDE = [("annotate", "0005_launch_side")]


@pytest.fixture
def runs_at():
    """The runs as a version of the database has them; the newest comes back in the end."""

    def migrate(version):
        executor = MigrationExecutor(connection)
        executor.migrate(version)
        return executor.loader.project_state(version).apps.get_model("annotate", "Run").objects

    yield migrate
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_runs_of_before_the_launch_side_keep_their_queue_and_what_their_page_shows(runs_at):
    before = runs_at(BEFORE_LAUNCH_SIDE)
    shown = {"curves": {"loss": 0.5}, "newest_text": "¿Qué tal?", "done": 3}
    for kind, method in [
        ("reward_model", "frozen"),
        ("reward_model", "lora"),
        ("sample", ""),
        ("best_of_n", ""),
    ]:
        before.create(kind=kind, title=kind, identity=kind + method, config={"method": method}, **shown)

    runs = runs_at(LAUNCH_SIDE).order_by("pk")

    assert [run.queue for run in runs] == ["cpu", "gpu", "gpu", "cpu"]
    assert runs[0].metrics == {"loss": 0.5}
    assert runs[0].samples == [{"done": 3, "text": "¿Qué tal?"}]
    back = runs_at(BEFORE_LAUNCH_SIDE).first()
    assert (back.curves, back.newest_text) == ({"loss": 0.5}, "¿Qué tal?")
