import pytest
from tokenizers import Tokenizer, models, normalizers, trainers

from alignment.errors import AlignmentError
from alignment.packages import pieces
from alignment.packages.pieces import frequent_words, pieces_in_use
from tests.alignment.conftest import SENTENCES

pytestmark = pytest.mark.models  # the word lists come with the packages

WORDS = (
    *("das weiß ich", "ich weiß das", "Straße STRASSE straße"),
    *(
        "İyi geceler",
        "iyi geceler İstanbul",
        "Ивана зову",
        "добро вече свима ноћ",
        "今日は今日は",
        "...... ——",
    ),
    *("zxqv zxqv zxqv", "<b>bold</b> <b>bold</b>"),
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Byte-pair encoding like Gemma's, with spaces marked and whole words as pieces."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106 (a token of text, no secret)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<unk>", "<bos>", "<unused0>"], show_progress=False
    )
    tokenizer.train_from_iterator([word for text in (*SENTENCES, *WORDS) for word in _marked(text)], trainer)
    return tokenizer


def _marked(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first] * 3 + [f" {word}" for word in rest for _ in range(3)]


@pytest.fixture(autouse=True)
def few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for these texts, and quick."""
    monkeypatch.setattr(pieces, "NUM_WORDS", 5000)


@pytest.mark.parametrize(("language", "piece"), [("de", "▁weiß"), ("tr", "▁geceler"), ("en", "▁kitchen")])
def test_frequent_words_are_kept(tokenizer: Tokenizer, language: str, piece: str):
    assert piece in tokenizer.get_vocab()

    assert piece in pieces_in_use(tokenizer, [language])


def test_a_dotted_capital_belongs_to_turkish_words(tokenizer: Tokenizer):
    assert "İyi" in pieces_in_use(tokenizer, ["tr"])
    assert "İyi" not in pieces_in_use(tokenizer, ["de"])


def test_what_no_language_in_use_writes_is_left_out(tokenizer: Tokenizer):
    kept = pieces_in_use(tokenizer, ["de"])

    others = {"▁zxqv", "добро", "▁вече", "今日は"}
    assert others <= tokenizer.get_vocab().keys()
    assert not others & kept


def test_letters_of_the_script_are_kept_one_by_one(tokenizer: Tokenizer):
    kept = pieces_in_use(tokenizer, ["ru"])

    assert {"а", "ћ"} <= kept  # the second is not even Russian
    assert "z" not in kept


def test_a_language_without_word_list_keeps_its_script(tokenizer: Tokenizer):
    assert frequent_words("sr") == {}
    assert {"▁вече", "▁зову"} <= pieces_in_use(tokenizer, ["sr"])


def test_a_language_without_spaces_keeps_its_script(tokenizer: Tokenizer):
    assert "今日は" in pieces_in_use(tokenizer, ["ja"])
    assert frequent_words("ja") == {}


def test_punctuation_and_tokens_of_the_tokenizer_are_always_kept(tokenizer: Tokenizer):
    kept = pieces_in_use(tokenizer, ["ru"])

    assert {".", ",", "......", "▁——", "<bos>", "<unk>"} <= kept
    assert "<unused0>" not in kept


def test_an_unknown_language_is_refused(tokenizer: Tokenizer):
    with pytest.raises(AlignmentError, match="There is no language"):
        pieces_in_use(tokenizer, ["tlh"])
