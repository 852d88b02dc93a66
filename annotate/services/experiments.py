"""Experiments: freeze the data, plan the runs, launch what nobody has done before."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from alignment.artifacts import ArtifactStore
from annotate.errors import ImpossiblePlanError
from annotate.models import Experiment, Language, PromptSet, Run
from annotate.planning import Plan, PlannedRun, plan_runs
from annotate.services import feedback, runs, studies

TRAINING = (PromptSet.Split.TRAIN, PromptSet.Split.VALIDATION)
HELD_OUT = (PromptSet.Split.TEST,)


@transaction.atomic
def launch(experiment: Experiment, *, sources: Sequence[Language], targets: Sequence[Language]) -> Experiment:
    """Save a new experiment and start its runs; equal work done before is shared, not done again.

    Raises ImpossiblePlanError when there is nothing to train on, to test on, or to respond to.
    """
    plan = _frozen_plan(experiment, [row.tag for row in sources], [row.tag for row in targets])
    experiment.save()
    experiment.sources.set(sources)
    experiment.targets.set(targets)
    for planned in plan_runs(plan):
        _join(experiment, planned)
    runs.queue_ready()
    return experiment


def _frozen_plan(experiment: Experiment, sources: Sequence[str], targets: Sequence[str]) -> Plan:
    return Plan(
        task=experiment.task,
        policy=experiment.policy,
        backbone=experiment.backbone,
        method=experiment.method,
        n=experiment.n,
        seed=experiment.seed,
        feedback={tag: _freeze_feedback(experiment, [tag], TRAINING) for tag in sources},
        prompts={tag: _freeze_prompts(experiment, tag) for tag in targets},
        heldout=_freeze_feedback(experiment, _languages_of_feedback(experiment), HELD_OUT),
        languages=tuple(sorted({*settings.LANGUAGES_IN_USE, *sources, *targets})),
    )


def _freeze_feedback(experiment: Experiment, tags: Sequence[str], splits: Sequence[str]) -> str:
    lines = feedback.feedback_records(experiment.task, experiment.feedback, tags, splits)
    wanted = f'feedback in {", ".join(tags)} ({" or ".join(splits)}) in the data set "{experiment.feedback}"'
    return _freeze("feedback.jsonl", lines, wanted)


def _freeze_prompts(experiment: Experiment, tag: str) -> str:
    lines = feedback.prompt_records(
        experiment.task,
        experiment.prompts,
        tag,
        split=PromptSet.Split.TEST,
        limit=experiment.num_prompts,
        seed=experiment.seed,
    )
    return _freeze("prompts.jsonl", lines, f'test prompt in {tag} in the data set "{experiment.prompts}"')


def _freeze(name: str, lines: Iterable[Any], wanted: str) -> str:
    records = list(lines)
    if not records:
        raise ImpossiblePlanError(
            f"There is no {wanted}. Import some, or choose another data set or language."
        )
    return ArtifactStore(settings.ARTIFACTS).put_lines(name, records).digest


def _languages_of_feedback(experiment: Experiment) -> list[str]:
    sets = PromptSet.objects.filter(task=experiment.task, dataset=experiment.feedback)
    return list(sets.order_by("language").values_list("language", flat=True).distinct())


def _join(experiment: Experiment, planned: PlannedRun) -> None:
    """Link the experiment to its run, which may be new, under way, done, or failed before and now retried."""
    run, is_new = Run.objects.get_or_create(
        identity=planned.identity,
        defaults={
            "kind": planned.kind,
            "title": planned.title,
            "config": dict(planned.config),
            "source_id": planned.source,
            "target_id": planned.target,
        },
    )
    run = Run.objects.select_for_update().get(
        pk=run.pk
    )  # so that `finish` sees this experiment, or we its end
    run.experiments.add(experiment)
    if is_new:
        run.parents.set(Run.objects.filter(identity__in=[parent.identity for parent in planned.parents]))
    elif run.status in (Run.Status.FAILED, Run.Status.CANCELLED):
        runs.retry(run)
    elif run.status == Run.Status.SUCCEEDED and run.kind == Run.Kind.BEST_OF_N:
        studies.extend_study(experiment, run)
