"""An experiment that somebody has judged."""

import pytest

from annotate.models import Experiment, Judge
from annotate.services.studies import extend_study
from tests.annotate.factories import (
    BestOfNSystemFactory,
    ExperimentFactory,
    JudgeFactory,
    JudgmentFactory,
    LanguageFactory,
    PromptFactory,
    ResponseFactory,
    UnalignedSystemFactory,
    UserFactory,
)


@pytest.fixture
def person(db: None) -> Judge:
    return JudgeFactory(kind=Judge.Kind.PERSON, user=UserFactory())


@pytest.fixture
def experiment(person) -> Experiment:
    """es ← en: two wins, a loss, a both-bad, and equal texts; tr ← en without a response."""
    experiment = ExperimentFactory()
    english, spanish, turkish = (LanguageFactory(tag=tag) for tag in ("en", "es", "tr"))
    experiment.sources.set([english])
    experiment.targets.set([spanish, turkish])
    unaligned = UnalignedSystemFactory(language=spanish)
    aligned = BestOfNSystemFactory(language=spanish, source=english)
    aligned.run.parents.add(unaligned.run)
    for run in (aligned.run, unaligned.run):
        run.experiments.add(experiment)
    for number, text in enumerate(("a", "b", "c", "d", "same")):
        prompt = PromptFactory()
        other = "same" if text == "same" else f"other {number}"
        ResponseFactory(prompt=prompt, system=aligned, text=text, detected_language="es")
        ResponseFactory(prompt=prompt, system=unaligned, text=other, detected_language="pt")
    study = extend_study(experiment, aligned.run)
    for text, points, both_bad in (("a", 2, False), ("b", 2, False), ("c", 0, False), ("d", 1, True)):
        comparison = study.comparisons.get(first__text=text)
        JudgmentFactory(judge=person, comparison=comparison, points=points, both_bad=both_bad)
    return experiment
