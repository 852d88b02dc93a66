"""The data sets that pages offer: what each holds, language by language."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from alignment.tasks import TASKS
from annotate.models import Language
from annotate.services import evidence
from annotate.services.demonstrations import num_demonstrations
from annotate.services.feedback import Available, available_data
from annotate.services.freezing import HELD_OUT, TRAINING


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """The prompt sets of one name and task; they may have come under several licences.

    num_demonstrations: of each part, responses that are good enough to imitate.
    """

    name: str
    task: str
    parts: list[Available]
    num_demonstrations: list[int]

    @property
    def licences(self) -> list[str]:
        """Each once."""
        return sorted({part.prompt_set.licence for part in self.parts} - {""})

    @property
    def training(self) -> list[tuple[Language, int]]:
        """Languages with preferences or ratings that a reward model can learn from, and how many."""
        return _by_language((part, part.num_feedback) for part in self._of(TRAINING))

    @property
    def held_out(self) -> list[tuple[Language, int]]:
        """Languages with preferences or ratings that a reward model is tested on, and how many."""
        return _by_language((part, part.num_feedback) for part in self._of(HELD_OUT))

    @property
    def prompts(self) -> list[tuple[Language, int]]:
        """Languages with something to respond to, and how much."""
        return _by_language((part, part.num_prompts) for part in self._of(HELD_OUT))

    @property
    def demonstrations(self) -> list[tuple[Language, int]]:
        """Languages with responses that are good enough to imitate, and how many."""
        return _by_language(zip(self.parts, self.num_demonstrations, strict=True))

    def _of(self, splits: tuple[str, ...]) -> list[Available]:
        return [part for part in self.parts if part.prompt_set.split in splits]


def all_datasets() -> Sequence[Dataset]:
    """Every data set, by task and name; counted anew when there is newer evidence."""
    newest = evidence.newest()
    return evidence.remembered(_counted, "datasets", newest) if newest else _counted()


def _counted() -> Sequence[Dataset]:
    return [
        _dataset(name, task, list(parts))
        for task in TASKS
        for name, parts in groupby(available_data(task), key=lambda part: part.prompt_set.dataset)
    ]


def _dataset(name: str, task: str, parts: list[Available]) -> Dataset:
    counts = [num_demonstrations(part.prompt_set) for part in parts]
    return Dataset(name=name, task=task, parts=parts, num_demonstrations=counts)


def _by_language(counts: Iterable[tuple[Available, int]]) -> list[tuple[Language, int]]:
    total: Counter[Language] = Counter()
    for part, count in counts:
        total[part.prompt_set.language] += count
    return [(language, count) for language, count in total.items() if count]
