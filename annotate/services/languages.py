"""Languages become rows when something first speaks them."""

from alignment.errors import AlignmentError
from alignment.languages import language_named
from annotate.errors import UnknownNameError
from annotate.models import Language


def ensure_language(tag: str) -> Language:
    """The row of a language. Raises UnknownNameError for a tag that is not in the table."""
    row = drafted_language(tag)
    if row._state.adding:
        names = ("autonym", "english_name", "script", "direction")
        row, _ = Language.objects.get_or_create(
            tag=tag, defaults={name: getattr(row, name) for name in names}
        )
    return row


def drafted_language(tag: str) -> Language:
    """The row of a language, not saved yet where there is none. Raises as `ensure_language` does."""
    try:
        facts = language_named(tag)
    except AlignmentError as error:
        raise UnknownNameError(str(error)) from error
    return Language.objects.filter(tag=tag).first() or Language(
        tag=tag,
        autonym=facts.autonym,
        english_name=facts.name,
        script=facts.script,
        direction=facts.direction,
    )
