"""Filters that put an entry of the audit trail into words."""

from typing import Any

from django import template

from annotate.services.audit import ACTIONS

register = template.Library()


@register.filter
def deed(action: str) -> str:
    """Such as "experiment.launched", in words."""
    return ACTIONS.get(action, action)


@register.filter
def told(detail: dict[str, Any]) -> str:
    """The particulars in a line, by name, because databases keep them in orders of their own."""
    return "; ".join(f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in sorted(detail.items()))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
