"""Checks of single values that forms and serializers share."""

from django.core.exceptions import ValidationError

from alignment.errors import AlignmentError
from alignment.sources import parse_source


def check_source(text: str) -> None:
    """Raises ValidationError unless this says where a model comes from."""
    try:
        parse_source(text)
    except AlignmentError as error:
        raise ValidationError(str(error)) from error
