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
    return value.replace("\x00", "") if isinstance(value, str) else value


def lost_numbers(value: Any, name: str = "") -> list[str]:
    """Where `storable` puts null in the place of a number: "groups.es.loss", "losses.3"."""
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        return [name] if isinstance(value, float) and not math.isfinite(value) else []
    return [lost for key, part in inner for lost in lost_numbers(part, f"{name}.{key}" if name else str(key))]
