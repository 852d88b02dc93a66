"""The one error that a person can mend."""


class AlignmentError(Exception):
    """Something a person can act on; the message is one sentence that says what to do."""
