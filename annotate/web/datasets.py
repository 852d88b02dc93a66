"""The data sets that pages offer: what each holds, language by language."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

from alignment.tasks import TASKS
from annotate.models import Language
from annotate.services import evidence
from annotate.services.demonstrations import num_demonstrations
from annotate.services.feedback import Available, available_data
from annotate.services.freezing import HELD_OUT, TRAINING


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The prompt sets of one name and task; they may have come under several licences.

    One may serve many requests (`all_datasets`), so nobody may change it.
    """

    name: str
    task: str
    parts: list[Available]

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

    @cached_property
    def demonstrations(self) -> list[tuple[Language, int]]:
        """Languages with responses that are good enough to imitate, and how many."""
        return _by_language((part, num_demonstrations(part.prompt_set)) for part in self._of(TRAINING))

    def _of(self, splits: tuple[str, ...]) -> list[Available]:
        return [part for part in self.parts if part.prompt_set.split in splits]


def all_datasets() -> Sequence[Dataset]:
    """Every data set, by task and name; counted anew when there is newer evidence."""
    newest = evidence.newest()
    return _counted() if newest is None else _counted_once(newest)


@lru_cache(maxsize=1)
def _counted_once(newest: Hashable) -> Sequence[Dataset]:
    return _counted()


def _counted() -> Sequence[Dataset]:
    return [
        Dataset(name=name, task=task, parts=list(parts))
        for task in TASKS
        for name, parts in groupby(available_data(task), key=lambda part: part.prompt_set.dataset)
    ]


def _by_language(counts: Iterable[tuple[Available, int]]) -> list[tuple[Language, int]]:
    total: Counter[Language] = Counter()
    for part, count in counts:
        total[part.prompt_set.language] += count
    return [(language, count) for language, count in total.items() if count]
