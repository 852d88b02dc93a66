import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.translation.splitting import split


def at_most(length):
    return lambda text: len(text) <= length


def test_a_text_that_fits_stays_whole():
    found = split("One. Two.\nThree.", at_most(100), by_lines=False)

    assert (found.pieces, found.within_sentence) == (("One. Two.\nThree.",), False)


def test_lines_are_pieces_of_their_own_and_their_breaks_come_back():
    found = split("  One.\n\n - Two.\n", at_most(100), by_lines=True)

    assert found.pieces == ("One.", "- Two.")
    assert found.joined(["Bir.", "- İki."], spaced=True) == "  Bir.\n\n - İki.\n"


def test_a_line_that_is_too_long_is_cut_where_sentences_end_and_filled_up():
    found = split("One two. Three! Four five? Six.", at_most(16), by_lines=True)

    assert found.pieces == ("One two. Three!", "Four five? Six.")
    assert not found.within_sentence


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("alpha beta, gamma delta", ("alpha beta,", "gamma delta")),
        ("alpha beta gamma", ("alpha beta", "gamma")),
        ("abcdefghijklmnop", ("abcdefgh", "ijklmnop")),
    ],
)
def test_a_sentence_that_is_too_long_is_cut_at_the_next_best_place_and_that_is_told(text, pieces):
    found = split(text, at_most(12), by_lines=True)

    assert (found.pieces, found.within_sentence) == (pieces, True)


def test_sentences_get_the_spaces_of_the_language_they_are_translated_to():
    chinese = split("他来了。她走了。", at_most(4), by_lines=True)
    english = split("He came. She left.", at_most(9), by_lines=True)

    assert chinese.joined(["He came.", "She left."], spaced=True) == "He came. She left."
    assert english.joined(["他来了。", "她走了。"], spaced=False) == "他来了。她走了。"


def test_halves_of_a_word_are_joined_without_a_space():
    assert split("abcdefgh", at_most(4), by_lines=True).joined(["abcd", "efgh"], spaced=True) == "abcdefgh"


def test_white_space_alone_has_no_pieces():
    found = split(" \n ", at_most(5), by_lines=True)

    assert found.pieces == ()
    assert found.joined([], spaced=True) == " \n "


@given(st.text(st.sampled_from("ab .!,\n。你"), max_size=60), st.integers(1, 12), st.booleans())
def test_nothing_is_lost_and_every_piece_fits(text, length, by_lines):
    found = split(text, at_most(length), by_lines=by_lines)

    gaps = [*found.gaps[1:], ""]
    assert found.gaps[0] + "".join(map("".join, zip(found.pieces, gaps, strict=False))) == text
    assert all(0 < len(piece) <= length for piece in found.pieces)
    assert all(not gap.strip() for gap in found.gaps)
