"""Why an experiment could not run: one sentence for each reason, that says what mends it."""

from collections.abc import Iterator, Mapping, Sequence

from annotate.models import Experiment, Language, PromptSet
from annotate.planning import Data, Plan
from annotate.services.checkpoints import problem_of
from annotate.services.panels import num_speakers


def refusals(
    experiment: Experiment, plan: Plan, *, sources: Sequence[Language], targets: Sequence[Language]
) -> list[str]:
    """Everything at once; none where the experiment can run. Whether the disk has room is told apart."""
    sentences = [
        *_missing_feedback(experiment, plan, sources),
        *_missing_prompts(experiment, plan, targets),
        *_missing_demonstrations(experiment, plan, targets),
        *_missing_annotators(targets),
        *_missing_models(experiment),
    ]
    return list(dict.fromkeys(sentences))


def _missing_feedback(experiment: Experiment, plan: Plan, sources: Sequence[Language]) -> Iterator[str]:
    name = experiment.feedback
    if not _exists(experiment, name):
        yield _unknown(experiment, name)
        return
    for language in _without(sources, plan.feedback):
        yield (
            f'The data set "{name}" has no preferences or ratings in {language.english_name} to train on: '
            f"import some, choose another data set, or leave {language.english_name} out."
        )
    if not plan.heldout.num_records:
        yield (
            f'The data set "{name}" has no preferences or ratings in the split test to test on: '
            "import some, or choose another data set."
        )


def _missing_prompts(experiment: Experiment, plan: Plan, targets: Sequence[Language]) -> Iterator[str]:
    name = experiment.prompts
    if not _exists(experiment, name):
        yield _unknown(experiment, name)
        return
    for language in _without(targets, plan.prompts):
        yield (
            f'The data set "{name}" has no prompts in {language.english_name} in the split test: '
            f"import some, choose another data set, or leave {language.english_name} out."
        )


def _missing_demonstrations(experiment: Experiment, plan: Plan, targets: Sequence[Language]) -> Iterator[str]:
    name = experiment.demonstrations
    if name and not _exists(experiment, name):
        yield _unknown(experiment, name)
    elif name:
        for language in _without(targets, plan.demonstrations):
            yield (
                f'The data set "{name}" has no demonstrations in {language.english_name}: import responses, '
                f"leave {language.english_name} out, or use the base policy as it is."
            )


def _missing_annotators(targets: Sequence[Language]) -> Iterator[str]:
    speakers = num_speakers([language.tag for language in targets])
    for language in targets:
        if language.tag not in speakers:
            yield (
                f"Nobody here is registered as a speaker of {language.english_name}: add the language to "
                "somebody's profile under /admin/annotate/user/, or leave it out."
            )


def _missing_models(experiment: Experiment) -> Iterator[str]:
    sources = {"base policy": experiment.policy, "reward-model backbone": experiment.backbone}
    for name, source in sources.items():
        if problem := problem_of(source):
            yield f"The {name} was not found: {problem}"


def _without(languages: Sequence[Language], data: Mapping[str, Data]) -> list[Language]:
    """Those of which there is not one record."""
    return [language for language in languages if not data[language.tag].num_records]


def _exists(experiment: Experiment, dataset: str) -> bool:
    return PromptSet.objects.filter(task=experiment.task, dataset=dataset).exists()


def _unknown(experiment: Experiment, dataset: str) -> str:
    return (
        f'There is no data set "{dataset}" for the task {experiment.task} here: '
        "import it under Data, or choose another."
    )
