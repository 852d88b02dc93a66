"""Languages: their names, scripts and directions, and which one a text is written in."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from alignment.errors import AlignmentError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier  # type: ignore[import-untyped]

RIGHT_TO_LEFT = {"Arab", "Hebr"}
WITHOUT_SPACES = {"Jpan", "Hans", "Hant", "Thai", "Laoo", "Khmr", "Mymr"}

# Of subtitle lines with fewer letters 37 to 64 % are called some other language among the 140 known ones
# (de en es ru tr), with 10 to 19 letters 4 to 23 %, with 30 and more 0 to 3 %.
LETTERS_NEEDED = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """A language as it is shown, in the script it is usually written in.

    tag: BCP 47; autonym: its name in itself; script: ISO 15924.
    """

    tag: str
    autonym: str
    name: str
    script: str

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`, as HTML's `dir` wants it."""
        return "rtl" if self.script in RIGHT_TO_LEFT else "ltr"

    @property
    def spaced(self) -> bool:
        """Words are set apart by spaces."""
        return self.script not in WITHOUT_SPACES


_TABLE = """
af|Afrikaans|Afrikaans|Latn
am|አማርኛ|Amharic|Ethi
ar|العربية|Arabic|Arab
as|অসমীয়া|Assamese|Beng
az|azərbaycan|Azerbaijani|Latn
be|беларуская|Belarusian|Cyrl
bg|български|Bulgarian|Cyrl
bn|বাংলা|Bangla|Beng
br|brezhoneg|Breton|Latn
bs|bosanski|Bosnian|Latn
ca|català|Catalan|Latn
cs|čeština|Czech|Latn
cy|Cymraeg|Welsh|Latn
da|dansk|Danish|Latn
de|Deutsch|German|Latn
el|Ελληνικά|Greek|Grek
en|English|English|Latn
eo|Esperanto|Esperanto|Latn
es|español|Spanish|Latn
et|eesti|Estonian|Latn
eu|euskara|Basque|Latn
fa|فارسی|Persian|Arab
fi|suomi|Finnish|Latn
fil|Filipino|Filipino|Latn
fr|français|French|Latn
fy|Frysk|Western Frisian|Latn
ga|Gaeilge|Irish|Latn
gd|Gàidhlig|Scottish Gaelic|Latn
gl|galego|Galician|Latn
gu|ગુજરાતી|Gujarati|Gujr
ha|Hausa|Hausa|Latn
he|עברית|Hebrew|Hebr
hi|हिन्दी|Hindi|Deva
hr|hrvatski|Croatian|Latn
ht|Kreyòl ayisyen|Haitian Creole|Latn
hu|magyar|Hungarian|Latn
hy|հայերեն|Armenian|Armn
id|Bahasa Indonesia|Indonesian|Latn
ig|Igbo|Igbo|Latn
is|íslenska|Icelandic|Latn
it|italiano|Italian|Latn
ja|日本語|Japanese|Jpan
jv|Jawa|Javanese|Latn
ka|ქართული|Georgian|Geor
kk|қазақ тілі|Kazakh|Cyrl
km|ខ្មែរ|Khmer|Khmr
kn|ಕನ್ನಡ|Kannada|Knda
ko|한국어|Korean|Kore
ku|kurdî|Kurdish|Latn
ky|кыргызча|Kyrgyz|Cyrl
la|Latina|Latin|Latn
lb|Lëtzebuergesch|Luxembourgish|Latn
lo|ລາວ|Lao|Laoo
lt|lietuvių|Lithuanian|Latn
lv|latviešu|Latvian|Latn
mg|Malagasy|Malagasy|Latn
mk|македонски|Macedonian|Cyrl
ml|മലയാളം|Malayalam|Mlym
mn|монгол|Mongolian|Cyrl
mr|मराठी|Marathi|Deva
ms|Bahasa Melayu|Malay|Latn
mt|Malti|Maltese|Latn
my|မြန်မာ|Burmese|Mymr
nb|norsk bokmål|Norwegian Bokmål|Latn
ne|नेपाली|Nepali|Deva
nl|Nederlands|Dutch|Latn
nn|norsk nynorsk|Norwegian Nynorsk|Latn
oc|occitan|Occitan|Latn
om|Oromoo|Oromo|Latn
or|ଓଡ଼ିଆ|Odia|Orya
pa|ਪੰਜਾਬੀ|Punjabi|Guru
pcm|Naijíriá Píjin|Nigerian Pidgin|Latn
pl|polski|Polish|Latn
ps|پښتو|Pashto|Arab
pt|português|Portuguese|Latn
pt-BR|português (Brasil)|Brazilian Portuguese|Latn
ro|română|Romanian|Latn
ru|русский|Russian|Cyrl
rw|Kinyarwanda|Kinyarwanda|Latn
si|සිංහල|Sinhala|Sinh
sk|slovenčina|Slovak|Latn
sl|slovenščina|Slovenian|Latn
sn|chiShona|Shona|Latn
so|Soomaali|Somali|Latn
sq|shqip|Albanian|Latn
sr|српски|Serbian|Cyrl
sr-Latn|srpski|Serbian (Latin)|Latn
st|Sesotho|Southern Sotho|Latn
sv|svenska|Swedish|Latn
sw|Kiswahili|Swahili|Latn
ta|தமிழ்|Tamil|Taml
te|తెలుగు|Telugu|Telu
tg|тоҷикӣ|Tajik|Cyrl
th|ไทย|Thai|Thai
tk|türkmen dili|Turkmen|Latn
tr|Türkçe|Turkish|Latn
tt|татар|Tatar|Cyrl
ug|ئۇيغۇرچە|Uyghur|Arab
uk|українська|Ukrainian|Cyrl
ur|اردو|Urdu|Arab
uz|o‘zbek|Uzbek|Latn
vi|Tiếng Việt|Vietnamese|Latn
xh|isiXhosa|Xhosa|Latn
yo|Èdè Yorùbá|Yoruba|Latn
yue|粵語|Cantonese|Hant
zh|简体中文|Simplified Chinese|Hans
zh-Hant|繁體中文|Traditional Chinese|Hant
zu|isiZulu|Zulu|Latn
"""

LANGUAGES = {
    tag: Language(tag=tag, autonym=autonym, name=name, script=script)
    for tag, autonym, name, script in (line.split("|") for line in _TABLE.split("\n") if line)
}

# What the identifier calls otherwise than BCP 47 does.
_RENAMED = {"no": "nb", "tl": "fil"}

# Members of a macrolanguage (ISO 639-3), or varieties written too much alike for a short text to tell them
# apart; a response in one of them is not called off-language when another was asked for.
_MACROLANGUAGE = {
    **dict.fromkeys(("arz", "ary"), "ar"),
    **dict.fromkeys(("bs", "hr", "sr"), "sh"),
    **dict.fromkeys(("nb", "nn"), "no"),
    **dict.fromkeys(("wuu", "yue"), "zh"),
    "id": "ms",
    "sdh": "ku",
    "uzs": "uz",
}


class Identified(NamedTuple):
    """The language of a text, as tags without script or region; both "" below `LETTERS_NEEDED` letters.

    closest: the most likely of the languages in use; detected: of all that the identifier knows, which
    calls text in no language `zxx`.
    """

    closest: str
    detected: str


class OffLanguage(NamedTuple):
    """How many responses are in another language than the one asked for.

    num_unidentified: responses without letters, or too short to tell; they are not counted as off-language.
    """

    num_off: int
    num_unidentified: int
    num_responses: int

    @property
    def share(self) -> float:
        """Off-language responses among all responses."""
        return self.num_off / self.num_responses

    def as_json(self) -> dict[str, float]:
        return {"share": self.share, **self._asdict()}


class Identifier:
    """Says in which language a text is written."""

    def __init__(self, languages: Iterable[str]) -> None:
        """languages: tags of those in use. Raises AlignmentError for one that cannot be identified."""
        in_use = {tag: _primary(tag) for tag in languages}
        known = {_RENAMED.get(label, label) for label in _model().labels}
        for tag, primary in in_use.items():
            if primary not in known:
                raise AlignmentError(f"Texts in {tag!r} cannot be identified; leave that language out.")
        if not in_use:
            raise AlignmentError("Name at least one language in use.")
        self._in_use = set(in_use.values())

    def identify(self, text: str) -> Identified:
        if _num_letters(text) < LETTERS_NEEDED:
            return Identified("", "")
        ranking = [(_RENAMED.get(label, label), fit) for label, fit in _model().rank(text)]
        if ranking[0][1] == ranking[-1][1]:  # not one byte sequence that the model knows
            return Identified("", "")
        closest = next(label for label, _ in ranking if label in self._in_use)
        return Identified(closest, ranking[0][0])


def language_named(tag: str) -> Language:
    """Raises AlignmentError for a tag that is not in the table."""
    if tag not in LANGUAGES:
        raise AlignmentError(
            f"There is no language {tag!r} in the table; use a BCP 47 tag such as de or pt-BR."
        )
    return LANGUAGES[tag]


def off_language(detected: Iterable[str], target: str) -> OffLanguage:
    """Count detected languages that are not the target. Raises ValueError when there are no responses.

    Script, region and the member of a macrolanguage make no difference: `yue` is not off `zh-Hant`.
    """
    tags = list(detected)
    if not tags:
        raise ValueError("There are no responses to count.")
    others = sum(_macrolanguage(tag) != _macrolanguage(target) for tag in tags if tag)
    return OffLanguage(others, tags.count(""), len(tags))


def off_language_by_target(responses: Iterable[tuple[str, str]]) -> dict[str, OffLanguage]:
    """Count for each target language. responses: (target, detected language)."""
    detected = defaultdict(list)
    for target, language in responses:
        detected[target].append(language)
    return {target: off_language(detected[target], target) for target in sorted(detected)}


def _num_letters(text: str) -> int:
    """Letters; a Chinese, Japanese or Korean one tells as much as three of an alphabet."""
    wide = sum(unicodedata.east_asian_width(letter) == "W" for letter in text if letter.isalpha())
    return sum(letter.isalpha() for letter in text) + 2 * wide


def _primary(tag: str) -> str:
    return tag.split("-")[0]


def _macrolanguage(tag: str) -> str:
    primary = _primary(tag)
    return _MACROLANGUAGE.get(primary, primary)


@cache
def _model() -> "LanguageIdentifier":
    """py3langid's model (0.4 s to load). Only its whole ranking is used, so it keeps no setting of ours."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
