"""The Celery application: `celery -A workers worker -Q cpu,gpu`, on as many machines as there are."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")

import django  # noqa: E402 (the settings module must be named first)

django.setup()

from annotate import broker  # noqa: E402 (rows can be imported once Django is set up)
from workers.recovery import Recovery  # noqa: E402

app = Celery("workers", include=["workers.tasks"])
app.conf.update(broker.CONFIGURATION)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 30 * 86_400},  # seconds, far above any run
    task_acks_late=False,  # the rows know what must be done again; a message that comes back knows less
    worker_concurrency=1,  # one run at a time; a machine with several accelerators starts a worker for each
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,  # a busy worker holds no message that an idle one could take
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)
app.steps["worker"].add(Recovery)
