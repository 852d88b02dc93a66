"""How plans write numbers: thousands apart, widths in points."""

from django import template

register = template.Library()


@register.filter
def grouped(count: int) -> str:
    """12345 → 12,345."""
    return f"{count:,}"


@register.filter
def points(share: float) -> str:
    """0.2 → 20, 0.055 → 5.5: percentage points, where the word stands elsewhere."""
    return f"{100 * share:.1f}".removesuffix(".0")
