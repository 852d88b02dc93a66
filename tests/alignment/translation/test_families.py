import pytest

from alignment.errors import AlignmentError
from alignment.translation.families import Convention, convention
from alignment.translation.translator import Direction


class Tokenizer:
    """Only the vocabulary, which tells the family."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = tokens

    def get_vocab(self):
        return {token: number for number, token in enumerate(self._tokens)}


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (("__en__", "__no__"), Convention(source_code="en", first_token=1)),
        ((">>nob<<", ">>fin<<"), Convention(prefix=">>nob<< ")),
        (("<2en>", "<2no>"), Convention(prefix="<2no> ")),
        (("a", "b"), Convention()),
    ],
)
def test_the_vocabulary_tells_the_family_and_its_name_for_the_language(tokens, told):
    assert convention(Tokenizer(*tokens), Direction("en", "nb")) == told


def test_a_language_in_another_script_does_not_pass_for_it():
    with pytest.raises(AlignmentError, match="'zh-Hant'"):
        convention(Tokenizer("<2en>", "<2zh>"), Direction("en", "zh-Hant"))
