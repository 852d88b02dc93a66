"""How much judging a plan asks for: votes and people by language, for intervals of the wanted width."""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db.models import Count

from alignment.statistics.intervals import quantile
from alignment.statistics.planning import half_width_prompts
from annotate.models import Experiment, Language, Proficiency
from annotate.planning import Plan


class Panel(NamedTuple):
    """What one target language asks for.

    num_responses: to sample; half_width: of the 95 % interval of each win rate, at worst;
    prompts_needed: so that it reaches the wanted one; num_annotators: different people for one comparison.
    """

    language: Language
    num_prompts: int
    num_responses: int
    num_comparisons: int
    num_votes: int
    half_width: float
    prompts_needed: int
    num_annotators: int
    num_speakers: int

    @property
    def is_wide_enough(self) -> bool:
        """There are prompts enough for the wanted half-width."""
        return self.num_prompts >= self.prompts_needed

    @property
    def num_missing(self) -> int:
        """People who would have to be found."""
        return max(0, self.num_annotators - self.num_speakers)


def panels(experiment: Experiment, plan: Plan, targets: Sequence[Language]) -> list[Panel]:
    """One for each target; a win rate of one half is assumed, where the interval is widest.

    Where there are too few prompts, more votes on each take their place as far as they are independent.
    """
    speakers = num_speakers([language.tag for language in targets])
    return [_panel(experiment, plan, language, speakers.get(language.tag, 0)) for language in targets]


def num_speakers(tags: Collection[str]) -> dict[str, int]:
    """How many people may judge, by language; a language of nobody is not in it."""
    known = Proficiency.objects.filter(language__in=tags, user__is_active=True)
    return dict(known.values_list("language").annotate(Count("user", distinct=True)))


def _panel(experiment: Experiment, plan: Plan, language: Language, speakers: int) -> Panel:
    num_prompts = plan.prompts[language.tag].num_records
    comparisons = num_prompts * len(plan.feedback)
    needed = half_width_prompts(experiment.half_width)
    return Panel(
        language,
        num_prompts=num_prompts,
        num_responses=num_prompts * (plan.n + 1),
        num_comparisons=comparisons,
        num_votes=comparisons * experiment.votes_wanted,
        half_width=quantile(0.95) * math.sqrt(0.25 / num_prompts) if num_prompts else 1.0,
        prompts_needed=needed,
        num_annotators=max(experiment.votes_wanted, math.ceil(needed / max(num_prompts, 1))),
        num_speakers=speakers,
    )
