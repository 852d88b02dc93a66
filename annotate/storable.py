"""What a database can hold of a report: JSON without numbers that are none, text without NUL."""

import math
from typing import Any


def storable(value: Any) -> Any:
    """The same report, with null for NaN and the infinities, and without NUL characters in texts."""
    if isinstance(value, dict):
        return {storable(str(name)): storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return storable_text(value) if isinstance(value, str) else value


def storable_text(text: str) -> str:
    """Without the characters that PostgreSQL does not hold: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def lost_numbers(value: Any, name: str = "") -> list[str]:
    """Where `storable` puts null in the place of a number: "groups.es.loss", "losses.3"."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return [name] if isinstance(value, float) and not math.isfinite(value) else []
    places = {f"{name}.{key}" if name else str(key): inner for key, inner in value.items()}
    return [lost for place, inner in places.items() for lost in lost_numbers(inner, place)]
