"""Whether there is newer evidence to learn from: if not, what was counted before is still right."""

from collections.abc import Hashable

from django.db.models import Max

from annotate.models import Judgment, PromptSet, Study


def newest() -> Hashable | None:
    """Equal as long as prompts, imports and collected verdicts are the same. None where nobody knows.

    Verdicts on experiments, which come all day long, make no difference: nothing learns from them.
    """
    sets = tuple(PromptSet.objects.order_by("pk").values_list("pk", "changed_at"))
    if any(changed_at is None for _, changed_at in sets):
        return None
    return sets, _newest_collected()


def _newest_collected() -> int | None:
    """By the studies, which are few: a million judgments are not looked through for this."""
    studies = list(Study.objects.filter(purpose=Study.Purpose.COLLECT).values_list("pk", flat=True))
    if not studies:
        return None
    collected = Judgment.objects.filter(comparison__study__in=studies)
    highest: int | None = collected.aggregate(highest=Max("pk"))["highest"]
    return highest
