import subprocess
import sys

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from alignment.errors import AlignmentError
from alignment.languages import (
    LANGUAGES,
    Identified,
    Identifier,
    OffLanguage,
    language_named,
    off_language,
    off_language_by_target,
)

GERMAN = "Der Zug kam zu spät, und trotzdem lachten alle."
SPANISH = "La niña abrió la puerta y el perro salió corriendo."


def test_hebrew_and_urdu_run_from_right_to_left_and_turkish_does_not():
    assert [language_named(tag).direction for tag in ("he", "ur", "tr")] == ["rtl", "rtl", "ltr"]


def test_an_unknown_tag_is_refused():
    with pytest.raises(AlignmentError, match="'xx'"):
        language_named("xx")


def test_every_language_of_the_table_can_be_identified():
    Identifier(LANGUAGES)


def test_a_text_is_identified_among_those_in_use_and_among_all():
    identified = Identifier(["en", "de"]).identify("La niña abrió la puerta y el perro salió corriendo.")

    assert identified.closest in {"en", "de"}
    assert identified.detected == "es"


@pytest.mark.parametrize("text", [GERMAN, SPANISH, "Мы вышли на улицу, и снег перестал.", "今天早上天气很好"])
def test_the_closest_language_is_what_the_restricted_library_finds(text):
    restricted = LanguageIdentifier.from_model_file(MODEL_FILE)
    restricted.set_languages(["de", "en", "tr", "zh"])

    identified = Identifier(["de", "en", "tr", "zh"]).identify(text)

    assert identified.closest == restricted.classify(text)[0]


def test_two_identifiers_keep_their_own_languages():
    german, spanish = Identifier(["de"]), Identifier(["es"])

    assert german.identify(SPANISH) == Identified("de", "es")
    assert spanish.identify(GERMAN) == Identified("es", "de")


@pytest.mark.parametrize("text", ["", "12:30 – 13:00!", "Ok.", "Der Hund", "ꙮ" * 12])
def test_of_a_text_that_tells_nothing_no_language_is_claimed(text):
    assert Identifier(["de", "en"]).identify(text) == Identified("", "")


def test_five_chinese_characters_are_enough():
    assert Identifier(["zh-Hant", "en"]).identify("今天天氣好").closest == "zh"


def test_norwegian_and_filipino_keep_their_bcp_47_tags():
    identifier = Identifier(["nb", "fil"])

    assert identifier.identify("Jeg vet ikke hva jeg skal gjøre med alt dette regnet.").closest == "nb"
    assert identifier.identify("Magandang umaga sa inyong lahat, mga kaibigan ko.").closest == "fil"


def test_a_language_that_cannot_be_identified_is_refused():
    with pytest.raises(AlignmentError, match="'tlh'"):
        Identifier(["en", "tlh"])


def test_an_identifier_needs_a_language():
    with pytest.raises(AlignmentError, match="at least one"):
        Identifier([])


def test_responses_in_another_language_are_counted_and_unidentified_ones_apart():
    counted = off_language(["de", "en", "", "de"], "de")

    assert counted == OffLanguage(num_off=1, num_unidentified=1, num_responses=4)
    assert counted.share == 0.25


def test_script_region_and_macrolanguage_make_no_response_off_language():
    assert off_language(["zh", "yue"], "zh-Hant").num_off == 0
    assert off_language(["pt"], "pt-BR").num_off == 0
    assert off_language(["nn", "da"], "nb").num_off == 1


def test_no_responses_have_no_share():
    with pytest.raises(ValueError, match="no responses"):
        off_language([], "de")


def test_responses_are_counted_for_each_target():
    counted = off_language_by_target([("tr", "tr"), ("de", "en"), ("tr", "az")])

    assert counted == {"de": OffLanguage(1, 0, 1), "tr": OffLanguage(1, 0, 2)}
    assert counted["de"].as_json() == {
        "share": 1.0,
        "num_off": 1,
        "num_unidentified": 0,
        "num_responses": 1,
    }


def test_importing_the_languages_loads_neither_the_identifier_nor_torch():
    code = (
        "import sys, alignment.languages; sys.exit(bool({'py3langid', 'torch', 'numpy'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
