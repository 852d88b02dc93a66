"""How pages write numbers: shares in per cent, steps of colour, durations."""

from datetime import datetime

from django import template

register = template.Library()

STEPS = 5  # on each side of 50 %
STEP = 0.05
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@register.filter
def percent(share: float) -> str:
    """0.6834 → 68.3 %."""
    return f"{number_of(share)}{NO_BREAK}%"


@register.filter
def number_of(share: float) -> str:
    """0.6834 → 68.3, where the per cent sign stands elsewhere."""
    return f"{100 * share:.1f}".replace("-", MINUS)


@register.filter
def difference(share: float) -> str:
    """0.167 → +16.7, in percentage points."""
    return f"{100 * share:+.1f}".replace("-", MINUS)


@register.filter
def metric(value: float) -> str:
    """A measured value with four digits that count: 0.4123, 92.31, 1.2e-05."""
    return f"{value:.4g}"


@register.filter
def heat(share: float) -> str:
    """The step of the diverging scale around one half: n5 up to 25 %, 0 at 50 %, p5 from 75 %."""
    step = max(-STEPS, min(STEPS, round((share - 0.5) / STEP)))
    return f"p{step}" if step > 0 else f"n{-step}" if step < 0 else "0"


@register.filter
def duration(seconds: float) -> str:
    """How long something will take, as roughly as that is known: 4 min, 2 h 5 min, 3 days."""
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else "less than a minute"


@register.filter
def hours(count: float) -> str:
    """Hours that were used: 0, 0.04, 3.2, 128."""
    return f"{count:.0f}" if count >= 10 or not count else f"{count:.2g}"


@register.filter
def until(start: datetime | None, end: datetime | None) -> str:
    """How long something took: 41 s, 4 min 2 s, 2 h 5 min. "" where it has not ended."""
    if start is None or end is None:
        return ""
    minutes, seconds = divmod(round((end - start).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
