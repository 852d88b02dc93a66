"""Fills an empty PostgreSQL database with a year's work of a large lab, always the same, for launch_side.py.

200 experiments, 10,000 runs, 1,000,000 judgments with their seats, as many entries of the audit trail, and
what belongs to them. Rows are copied in, so it takes minutes.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, product
from random import Random
from typing import Any, NamedTuple

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone

from alignment.digests import text_digest
from annotate import models as rows
from annotate.services.languages import ensure_language

NUM_EXPERIMENTS, NUM_UNFINISHED, NUM_PROMPTS, NUM_VOTES = 200, 10, 94, 3
NUM_PREFERENCES, NUM_ENTRIES, NUM_ANNOTATORS, NUM_WORKERS = 110_000, 1_000_000, 60, 8
TAGS = ("en", "es", "de", "ru", "tr", "vi")
SHAPES = ((4, 4), (3, 6))  # sources and targets of an experiment, in turn
NOW = timezone.now().replace(microsecond=0)
NO_PASSWORD = "!"  # noqa: S105 (Django's way to say that nobody can sign in with one)
LATER = NOW + timedelta(days=1)  # so that workers and runs are alive while the benchmark lasts
YEAR = timedelta(days=365)
CURVE = {"steps": list(range(0, 2000, 2)), "values": [round(2 / (1 + step / 100), 4) for step in range(1000)]}
Row = dict[str, Any]


def fill() -> None:
    """Raises SystemExit where the database is not empty, or not PostgreSQL."""
    call_command("migrate", verbosity=0)
    if rows.User.objects.exists():
        raise SystemExit("This database is in use: name an empty one by DATABASE_URL.")
    for tag in TAGS:
        ensure_language(tag)
    writer = _Writer()
    writer.people()
    for number in range(NUM_EXPERIMENTS):
        writer.experiment(number)
    writer.imported()
    writer.trail()
    writer.flush()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(writer.pending)):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")


class _Run(NamedTuple):
    pk: int
    kind: str
    source: str | None
    target: str | None


class _Writer:
    """Collects rows by model and copies them when there are many, models in the order of first use."""

    AT_ONCE = 100_000

    def __init__(self) -> None:
        self.random = Random(0)  # noqa: S311 (the same rows each time)
        self.pending: dict[type[models.Model], list[Row]] = {}
        self.ids: dict[type[models.Model], Iterator[int]] = {}
        self.prompts: dict[str, list[int]] = {}

    def add(self, model: type[models.Model], **fields: Any) -> int:
        pk = next(self.ids.setdefault(model, count(1)))
        self.pending.setdefault(model, []).append({"id": pk} | fields)
        return pk

    def flush(self) -> None:
        with transaction.atomic():
            for model, waiting in self.pending.items():
                _copy(model, waiting)
                waiting.clear()

    def people(self) -> None:
        roles = ["admin"] * 3 + ["researcher"] * 7 + ["annotator"] * NUM_ANNOTATORS
        for number, role in enumerate(roles, 1):
            self.add(rows.User, username=f"person{number}", role=role, password=NO_PASSWORD, date_joined=NOW)
            self.add(rows.Judge, kind="person", name=f"person{number}", user_id=number)
            for tag in TAGS:
                self.add(rows.Proficiency, user_id=number, language_id=tag, level="native")
        for tag in TAGS:
            where = {
                "task": "continuation",
                "dataset": "bench",
                "language_id": tag,
                "split": "test",
                "changed_at": NOW,
            }
            prompt_set = self.add(rows.PromptSet, **where)
            self.prompts[tag] = [
                self.add(
                    rows.Prompt,
                    prompt_set_id=prompt_set,
                    text=f"{tag} {number}",
                    key=text_digest(f"{tag} {number}"),
                )
                for number in range(NUM_PROMPTS)
            ]
        device = {"name": "NVIDIA H100", "memory_bytes": 80 * 10**9, "used_bytes": 10**10, "utilisation": 70}
        for number in range(NUM_WORKERS):
            common = {"started_at": NOW, "heartbeat_at": LATER}
            name = f"gpu{number}:1"
            self.add(rows.Worker, name=name, host=name, queues=["gpu", "cpu"], devices=[device], **common)

    def experiment(self, number: int) -> None:
        num_sources, num_targets = SHAPES[number % len(SHAPES)]
        sources, targets = TAGS[:num_sources], TAGS[-num_targets:]
        begun = NOW - YEAR + YEAR * number / NUM_EXPERIMENTS
        experiment = self.add(
            rows.Experiment,
            name=f"Experiment {number + 1}",
            task="continuation",
            policy="package:gemma3-270m",
            backbone="package:multilingual-e5-small",
            feedback="bench-preferences",
            prompts="bench",
            demonstrations="bench",
            num_prompts=NUM_PROMPTS,
            votes_wanted=NUM_VOTES,
            created_by_id=1 + number % 3,
            created_at=begun,
        )
        for field, tags in (("sources", sources), ("targets", targets)):
            through = rows.Experiment._meta.get_field(field).remote_field.through
            for tag in tags:
                self.add(through, experiment_id=experiment, language_id=tag)
        done = number < NUM_EXPERIMENTS - NUM_UNFINISHED
        runs = self._runs(experiment, sources, targets, begun, done=done)
        if done:
            self._study(experiment, runs, begun)
        text, event = f"Experiment {number + 1} is ready to be judged.", "experiment ended"
        for person in (1, 2, 3):
            about = {"experiment_id": experiment, "occasion": f"{experiment} ended", "created_at": begun}
            self.add(rows.Notification, recipient_id=person, event=event, text=text, **about)
        if any(len(waiting) > self.AT_ONCE for waiting in self.pending.values()):
            self.flush()

    def _runs(
        self, experiment: int, sources: Iterable[str], targets: Iterable[str], begun: datetime, *, done: bool
    ) -> list[_Run]:
        """With their parents, as the planner would make them; of an unfinished experiment in every state."""
        made: dict[tuple[str, str | None, str | None], int] = {}
        parents = {
            "accuracy": lambda s, t: [("reward_model", s, None)],
            "sample": lambda s, t: [("sft", None, t)],
            "score": lambda s, t: [("reward_model", s, None), ("sample", None, t)],
            "best_of_n": lambda s, t: [("score", s, t), ("sample", None, t)],
        }
        planned = [
            *(("reward_model", source, None) for source in sources),
            *(("accuracy", source, None) for source in sources),
            *(("sft", None, target) for target in targets),
            *(("sample", None, target) for target in targets),
            *(
                (kind, source, target)
                for kind in ("score", "best_of_n")
                for source, target in product(sources, targets)
            ),
        ]
        for place, (kind, source, target) in enumerate(planned):
            status = "succeeded" if done else self._status(kind, place)
            pk = self._run(kind, source, target, status, begun + timedelta(minutes=10 * place))
            made[kind, source, target] = pk
            self.add(rows.Run.experiments.through, experiment_id=experiment, run_id=pk)
            for parent in parents.get(kind, lambda s, t: [])(source, target):
                self.add(rows.Run.parents.through, from_run_id=pk, to_run_id=made[parent])
        return [_Run(pk, *names) for names, pk in made.items()]

    def _status(self, kind: str, place: int) -> str:
        if kind in ("reward_model", "accuracy", "sft"):
            return "succeeded"
        if kind == "sample":
            return ("running", "queued", "failed", "succeeded")[place % 4]
        return "waiting"

    def _run(self, kind: str, source: str | None, target: str | None, status: str, begun: datetime) -> int:
        started = None if status in ("waiting", "queued") else begun
        finished = begun + timedelta(minutes=9) if status in ("succeeded", "failed") else None
        place = " ".join(filter(None, (target, "←" if source and target else "", source)))
        worker = f"gpu{self.random.randrange(NUM_WORKERS)}:1" if started else ""
        number = self.add(
            rows.Run,
            kind=kind,
            title=f"{kind.replace('_', ' ')} {place}",
            identity=text_digest(f"{begun} {kind} {source} {target}"),
            config={"task": "continuation", "n": 16, "seed": 0, "policy": "package:gemma3-270m"},
            source_id=source,
            target_id=target,
            status=status,
            queue="cpu" if kind in ("best_of_n", "accuracy") else "gpu",
            attempt=int(started is not None),
            worker=worker,
            heartbeat_at=LATER if started else None,
            queued_at=begun,
            started_at=started,
            finished_at=finished,
            created_at=begun,
            error="It broke." if status == "failed" else "",
            error_kind="ours" if status == "failed" else "",
            done=NUM_PROMPTS if finished else NUM_PROMPTS // 2,
            total=NUM_PROMPTS,
            unit="prompts",
            num_units=NUM_PROMPTS,
            samples=[{"done": 5, "text": "una tarde tranquila " * 10}] * 12,
            metrics={"loss": 0.4},
            result={"groups": []} if kind == "accuracy" else {},
        )
        if started:
            tried = {
                "run_id": number,
                "number": 1,
                "worker": worker,
                "device": "NVIDIA H100",
                "num_devices": 1,
            }
            ended = {"ended_at": finished, "outcome": status if finished else ""}
            self.add(rows.Attempt, started_at=started, **tried, **ended)
        if finished and kind in ("reward_model", "sft"):
            for name in ("loss", "accuracy", "learning_rate"):
                self.add(rows.Curve, run_id=number, name=name, **CURVE)
        if status == "succeeded":
            digest = {"digest": text_digest(f"artifact {number}"), "num_bytes": 10**8, "created_at": finished}
            self.add(rows.Artifact, run_id=number, role=kind, name=kind, **digest)
        return number

    def _study(self, experiment: int, runs: list[_Run], begun: datetime) -> None:
        """One comparison for each cell and prompt, judged by three people."""
        study = self.add(
            rows.Study,
            name=f"Experiment {experiment}",
            purpose="evaluate",
            task="continuation",
            status="open",
            votes_wanted=NUM_VOTES,
            experiment_id=experiment,
        )
        unaligned = {run.target: self._responses(run, "unaligned") for run in runs if run.kind == "sample"}
        for run in runs:
            if run.kind == "best_of_n":
                for first, second, prompt in zip(
                    self._responses(run, "best_of_n"),
                    unaligned[run.target],
                    self.prompts[str(run.target)],
                    strict=True,
                ):
                    self._judged(study, first, second, prompt, str(run.target), begun)

    def _responses(self, run: _Run, kind: str) -> list[int]:
        names = {"language_id": run.target, "source_id": run.source, "run_id": run.pk}
        system = self.add(rows.System, kind=kind, name=f"{kind} {run.target} {run.source or ''}", **names)
        texts = [f"Una tarde tranquila, número {run.pk} {number}. " * 4 for number in range(NUM_PROMPTS)]
        return [
            self.add(
                rows.Response,
                prompt_id=prompt,
                system_id=system,
                text=text,
                digest=text_digest(text),
                detected_language=run.target,
                closest_language=run.target,
            )
            for prompt, text in zip(self.prompts[str(run.target)], texts, strict=True)
        ]

    def _judged(self, study: int, first: int, second: int, prompt: int, tag: str, begun: datetime) -> None:
        pair = {
            "study_id": study,
            "prompt_id": prompt,
            "first_id": first,
            "second_id": second,
            "language_id": tag,
        }
        comparison = self.add(rows.Comparison, position=self.random.getrandbits(62), **pair)
        people = self.random.sample(range(11, 11 + NUM_ANNOTATORS), NUM_VOTES)
        for person in people:
            when = begun + (NOW - begun) * self.random.random()
            seat = self.add(
                rows.Assignment,
                comparison_id=comparison,
                swapped=self.random.random() < 0.5,
                status="judged",
                annotator_id=person,
                leased_at=when,
                lease_ends=when,
                ended_at=when,
            )
            self.add(
                rows.Judgment,
                judge_id=person,
                comparison_id=comparison,
                assignment_id=seat,
                points=self.random.choice((0, 0, 1, 2, 2, 2)),
                seconds=20.0,
                swapped=False,
                created_at=when,
            )

    def imported(self) -> None:
        """Preferences that reward models learn from, in two languages and two splits."""
        judge = self.add(rows.Judge, kind="dataset", name="bench-preferences")
        common = {"task": "continuation", "dataset": "bench-preferences", "changed_at": NOW}
        study = self.add(rows.Study, name="bench", purpose="imported", task="continuation", status="closed")
        places = list(product(("en", "es"), (("train", 9), ("test", 1))))
        for tag, (split, tenths) in places:
            prompt_set = self.add(rows.PromptSet, language_id=tag, split=split, **common)
            system = self.add(rows.System, kind="imported", name=f"imported: {split}", language_id=tag)
            for number in range(NUM_PREFERENCES * tenths // 20):
                text = f"{tag} {split} {number}"
                prompt = self.add(rows.Prompt, prompt_set_id=prompt_set, text=text, key=text_digest(text))
                pair = [
                    self.add(
                        rows.Response,
                        prompt_id=prompt,
                        system_id=system,
                        text=f"{text} {side}",
                        digest=text_digest(f"{text} {side}"),
                    )
                    for side in "ab"
                ]
                comparison = self.add(
                    rows.Comparison,
                    study_id=study,
                    prompt_id=prompt,
                    first_id=pair[0],
                    second_id=pair[1],
                    language_id=tag,
                    position=number,
                )
                self.add(
                    rows.Judgment, judge_id=judge, comparison_id=comparison, points=2, created_at=NOW - YEAR
                )

    def trail(self) -> None:
        actions = (
            ["account.signed_in"] * 30
            + ["results.downloaded"] * 10
            + ["run.retried"] * 5
            + ["experiment.paused"]
        )
        for number in range(NUM_ENTRIES):
            action = self.random.choice(actions)
            kind = {"account": "user", "results": "experiment"}.get(
                action.split(".")[0], action.split(".")[0]
            )
            self.add(
                rows.AuditEntry,
                actor_id=1 + min(69, int(self.random.expovariate(0.1))),
                action=action,
                subject_kind=kind,
                subject_id=str(1 + self.random.randrange(200)),
                subject="Something",
                created_at=NOW - YEAR + YEAR * number / NUM_ENTRIES,
            )
            if number % self.AT_ONCE == 0:
                self.flush()


def _copy(model: type[models.Model], waiting: list[Row]) -> None:
    fields = list(model._meta.concrete_fields)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    defaults = {field.attname: _default(field) for field in fields}
    is_json = {field.attname for field in fields if isinstance(field, models.JSONField)}
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copy,
    ):
        for row in waiting:
            full = defaults | row
            copy.write_row([json.dumps(full[name]) if name in is_json else full[name] for name in defaults])


def _default(field: models.Field[Any, Any]) -> Any:
    if getattr(field, "auto_now_add", False):
        return datetime(2026, 1, 1, tzinfo=UTC)
    return field.get_default()
