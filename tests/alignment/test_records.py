"""Records that no format of their own covers."""

import pytest

from alignment.errors import AlignmentError
from alignment.records import Demonstration

LINE = {"prompt": "Once upon a time", "completion": "there was a king.", "language": "en"}


@pytest.mark.parametrize("more", [{}, {"label": True}, {"system": "somebody"}])
def test_a_demonstration_is_read_from_any_line_with_a_prompt_and_a_completion(more):
    assert Demonstration.from_json(LINE | more).response == "there was a king."


def test_a_response_that_was_rated_bad_demonstrates_nothing():
    with pytest.raises(AlignmentError, match="nothing to imitate"):
        Demonstration.from_json(LINE | {"label": False})
