"""Every format that can be read."""

from alignment.data.formats import jsonl, oasst1, xed
from alignment.data.formats.format import Format
from alignment.errors import AlignmentError

FORMATS: dict[str, Format] = {form.key: form for form in (jsonl.FORMAT, xed.FORMAT, oasst1.FORMAT)}


def format_named(key: str) -> Format:
    """Raises AlignmentError for a name that is no format."""
    if key not in FORMATS:
        raise AlignmentError(f"There is no format {key!r}. Choose one of: {', '.join(FORMATS)}.")
    return FORMATS[key]
