"""The data that an experiment stands on: only measured for a preview, frozen in the store at launch."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Max

from alignment.artifacts import ArtifactStore
from alignment.jsonl import json_line
from annotate.models import Experiment, Judgment, Prompt, PromptSet, Rating, Response
from annotate.planning import Data, Plan
from annotate.services import evidence
from annotate.services.checkpoints import backbone_size, policy_size
from annotate.services.demonstrations import demonstration_records
from annotate.services.feedback import feedback_records, prompt_records

TRAINING = (PromptSet.Split.TRAIN, PromptSet.Split.VALIDATION)
HELD_OUT = (PromptSet.Split.TEST,)
EVIDENCE = (Prompt, Response, Rating, Judgment)


class Wanted(NamedTuple):
    """Records that an experiment needs: the file they go to, and how they are read."""

    file: str
    read: Callable[..., Iterable[Any]]
    arguments: tuple[Hashable, ...]


Keep = Callable[[Wanted], Data]


def plan_of(experiment: Experiment, sources: Sequence[str], targets: Sequence[str], keep: Keep) -> Plan:
    """What the experiment asks for, on the data there is now. keep: `measure`, or `freeze` for good."""
    tuned = targets if experiment.demonstrations else ()
    return Plan(
        task=experiment.task,
        policy=experiment.policy,
        backbone=experiment.backbone,
        method=experiment.method,
        n=experiment.n,
        seed=experiment.seed,
        feedback={tag: keep(feedback_wanted(experiment, [tag], TRAINING)) for tag in sources},
        prompts={tag: keep(prompts_wanted(experiment, tag)) for tag in targets},
        heldout=keep(heldout_wanted(experiment)),
        demonstrations={tag: keep(demonstrations_wanted(experiment, tag)) for tag in tuned},
        languages=tuple(sorted({*settings.LANGUAGES_IN_USE, *sources, *targets})),
        policy_size=policy_size(experiment.policy),
        backbone_size=backbone_size(experiment.backbone),
    )


def feedback_wanted(experiment: Experiment, tags: Sequence[str], splits: Sequence[str]) -> Wanted:
    """Preferences and ratings in some languages."""
    arguments = (experiment.task, experiment.feedback, tuple(tags), tuple(splits))
    return Wanted("feedback.jsonl", feedback_records, arguments)


def heldout_wanted(experiment: Experiment) -> Wanted:
    """What reward models are tested on: every language of the data set."""
    sets = PromptSet.objects.filter(task=experiment.task, dataset=experiment.feedback)
    tags = sets.order_by("language").values_list("language", flat=True).distinct()
    return feedback_wanted(experiment, list(tags), HELD_OUT)


def prompts_wanted(experiment: Experiment, tag: str) -> Wanted:
    """What the policy responds to in a target language."""
    arguments = (experiment.task, experiment.prompts, tag, experiment.num_prompts, experiment.seed)
    return Wanted("prompts.jsonl", _test_prompts, arguments)


def demonstrations_wanted(experiment: Experiment, tag: str) -> Wanted:
    """What the policy imitates in a target language."""
    arguments = (experiment.task, experiment.demonstrations, tag)
    return Wanted("demonstrations.jsonl", demonstration_records, arguments)


def freeze(wanted: Wanted) -> Data:
    """Write the records into the artifact store, where later imports do not change them."""
    lines = list(wanted.read(*wanted.arguments))
    return Data(ArtifactStore(settings.ARTIFACTS).put_lines(wanted.file, lines).digest, len(lines))


def measure(wanted: Wanted) -> Data:
    """The digest that `freeze` would give them now; nothing is written.

    Evidence only grows, so what was read before is the same until there is newer evidence.
    """
    newest = evidence.newest() or _highest()
    return evidence.remembered(lambda: _measured(wanted), wanted.file, wanted.arguments, newest)


def _measured(wanted: Wanted) -> Data:
    digest, num_records = sha256(), 0
    for record in wanted.read(*wanted.arguments):
        digest.update(json_line(record).encode())
        num_records += 1
    return Data(digest.hexdigest(), num_records)


def _highest() -> Hashable:
    return tuple(model.objects.aggregate(pk=Max("pk"))["pk"] for model in EVIDENCE)


def _test_prompts(task: str, dataset: str, tag: str, limit: int, seed: int) -> Iterable[Any]:
    return prompt_records(task, dataset, tag, split=PromptSet.Split.TEST, limit=limit, seed=seed)
