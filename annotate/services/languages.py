"""Languages become rows when something first speaks them."""

from alignment.errors import AlignmentError
from alignment.languages import language_named
from annotate.errors import UnknownNameError
from annotate.models import Language


def ensure_language(tag: str) -> Language:
    """The row of a language. Raises UnknownNameError for a tag that is not in the table."""
    try:
        facts = language_named(tag)
    except AlignmentError as error:
        raise UnknownNameError(str(error)) from error
    language, _ = Language.objects.get_or_create(
        tag=tag,
        defaults={
            "autonym": facts.autonym,
            "english_name": facts.name,
            "script": facts.script,
            "direction": facts.direction,
        },
    )
    return language
