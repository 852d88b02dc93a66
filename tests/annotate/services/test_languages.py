import pytest

from annotate.errors import UnknownNameError
from annotate.models import Language
from annotate.services.languages import ensure_language


@pytest.mark.django_db
def test_a_language_becomes_a_row_with_its_facts_once():
    first, second = ensure_language("ar"), ensure_language("ar")

    assert first == second == Language.objects.get()
    assert (first.english_name, first.script, first.direction) == ("Arabic", "Arab", "rtl")


def test_a_language_that_nobody_knows_is_refused():
    with pytest.raises(UnknownNameError, match="klingon"):
        ensure_language("klingon")
