"""Experiments: freeze the data, plan the runs, launch what nobody has done before."""

from collections.abc import Sequence

from django.db import transaction

from annotate.errors import ImpossiblePlanError
from annotate.models import Experiment, Language, Run
from annotate.planning import Plan, PlannedRun, plan_runs
from annotate.services import audit, runs, studies
from annotate.services.disk import disk_for
from annotate.services.freezing import freeze, measure, plan_of
from annotate.services.languages import ensure_language
from annotate.services.refusals import refusals
from annotate.services.reuse import standings, worked_on


def launch(experiment: Experiment, *, sources: Sequence[Language], targets: Sequence[Language]) -> Experiment:
    """Save a new experiment and start its runs; equal work done before is shared, not done again.

    Shared work that failed or was cancelled starts again. Raises ImpossiblePlanError with every reason
    why the experiment could not run.
    """
    tags = [row.tag for row in sources], [row.tag for row in targets]
    measured = plan_of(experiment, *tags, measure)
    reasons = refusals(experiment, measured, sources=sources, targets=targets)
    reasons += disk_for(worked_on(standings(plan_runs(measured)))).refusals()
    if reasons:
        raise ImpossiblePlanError(*reasons)
    return _launch(experiment, plan_of(experiment, *tags, freeze))


@transaction.atomic
def _launch(experiment: Experiment, plan: Plan) -> Experiment:
    experiment.save()
    experiment.sources.set([ensure_language(tag) for tag in plan.feedback])
    experiment.targets.set([ensure_language(tag) for tag in plan.prompts])
    for planned in plan_runs(plan):
        _join(experiment, planned)
    runs.queue_ready()
    audit.record(experiment.created_by, "experiment.launched", experiment)
    return experiment


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
            "queue": planned.queue,
            "priority": experiment.priority,
            "memory_needed": planned.memory_needed,
            "num_units": planned.num_units,
        },
    )
    run = Run.objects.select_for_update().get(
        pk=run.pk
    )  # so that `finish` sees this experiment, or we its end
    run.experiments.add(experiment)
    if is_new:
        run.parents.set(Run.objects.filter(identity__in=[parent.identity for parent in planned.parents]))
        return
    Run.objects.filter(pk=run.pk, priority__lt=experiment.priority).update(priority=experiment.priority)
    if run.status in (Run.Status.FAILED, Run.Status.CANCELLED):
        runs.retry(run, by=experiment.created_by)
    elif run.status == Run.Status.SUCCEEDED and run.kind == Run.Kind.BEST_OF_N:
        studies.extend_study(experiment, run)
