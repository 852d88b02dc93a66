"""Accuracy of an experiment's reward models on held-out feedback, beside the baselines they must beat."""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from alignment.statistics.accuracy import Accuracy
from alignment.statistics.auc import Auc
from alignment.statistics.paired import Advantage
from annotate.models import Experiment, Language, Run

# Those that are known before the held-out labels are seen, in the order of the page.
BASELINES = {
    "longer_wins": "Longer response wins",
    "training_majority": "Commoner label of the training ratings",
    "training_length": "Best length rule of the training ratings",
}
Found = TypeVar("Found", Accuracy, Auc, Advantage)


class Baseline(NamedTuple):
    """A way to answer without a model, and the reward model's advantage over it."""

    accuracy: Accuracy
    advantage: Advantage

    @property
    def outcome(self) -> str:
        """What is sure of the reward model: it is "better" or "worse" than the baseline; else "open"."""
        if self.advantage.is_certain:
            return "better"
        is_worse = self.advantage.difference < 0 and self.advantage.p_value < 1 - self.advantage.confidence
        return "worse" if is_worse else "open"


class AccuracyCell(NamedTuple):
    """A reward model on the held-out feedback of one language.

    accuracy is None where the reward model learned from pairs and cannot call one response good; auc is
    None for pairs, and where all are good or all bad.
    """

    num_examples: int
    accuracy: Accuracy | None
    auc: Auc | None
    baselines: dict[str, Baseline]

    @property
    def beats_all(self) -> bool:
        """The reward model beats every baseline, beyond chance; False where there is none to beat."""
        outcomes = {baseline.outcome for baseline in self.baselines.values()}
        return outcomes == {"better"}

    @property
    def methods(self) -> set[str]:
        """How its numbers were computed."""
        own = {found.method for found in (self.accuracy, self.auc) if found}
        return own | {baseline.advantage.method for baseline in self.baselines.values()}


class AccuracyRow(NamedTuple):
    """One reward model on one kind of feedback, pairs or ratings; None where a language has none of it."""

    source: Language
    feedback: str
    cells: list[AccuracyCell | None]

    @property
    def baselines(self) -> list[tuple[str, list[Baseline | None]]]:
        """Each baseline's label, and what was found of it in each language."""
        known = {name for cell in self.cells if cell for name in cell.baselines}
        return [
            (label, [cell and cell.baselines.get(name) for cell in self.cells])
            for name, label in BASELINES.items()
            if name in known
        ]


class AccuracyMatrix(NamedTuple):
    """Rows are reward models, columns the languages of the held-out feedback."""

    languages: list[Language]
    rows: list[AccuracyRow]

    @property
    def methods(self) -> list[str]:
        """How the numbers were computed."""
        cells = [cell for row in self.rows for cell in row.cells if cell]
        return sorted({method for cell in cells for method in cell.methods})


def accuracy_matrix(experiment: Experiment) -> AccuracyMatrix:
    """What the finished accuracy runs of the experiment found."""
    runs = experiment.runs.filter(kind=Run.Kind.ACCURACY, status=Run.Status.SUCCEEDED)
    groups = {
        (run.source_id, group["feedback"], group["language"]): _cell(group)
        for run in runs
        for group in run.result["groups"]
    }
    languages = list(Language.objects.filter(pk__in={language for _, _, language in groups}))
    rows = [
        AccuracyRow(
            source,
            feedback,
            [groups.get((source.tag, feedback, language.tag)) for language in languages],
        )
        for source in experiment.sources.all()
        for feedback in _kinds(groups, source.tag)
    ]
    return AccuracyMatrix(languages, rows)


def _kinds(places: Iterable[tuple[str | None, str, str]], tag: str) -> list[str]:
    return sorted({feedback for source, feedback, _ in places if source == tag})


def _cell(group: dict[str, Any]) -> AccuracyCell:
    baselines = {
        name: Baseline(_read(Accuracy, found["accuracy"]), _read(Advantage, found["advantage"]))
        for name, found in group["baselines"].items()
        if name in BASELINES
    }
    return AccuracyCell(
        num_examples=group["num_examples"],
        accuracy=_read(Accuracy, group["accuracy"]) if group.get("accuracy") else None,
        auc=_read(Auc, group["auc"]) if group.get("auc") else None,
        baselines=baselines,
    )


def _read(kind: type[Found], found: dict[str, Any]) -> Found:
    return kind(**{name: found[name] for name in kind._fields})
