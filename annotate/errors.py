"""Errors that a person can act on; each knows its HTTP status and a short code for programs."""


class AnnotateError(Exception):
    """The message is one sentence, fit to show, that says what to do."""

    status = 400
    code = "refused"


class NotAllowedError(AnnotateError):
    """This person may not do or see this."""

    status = 403
    code = "not_allowed"


class AssignmentExpiredError(AnnotateError):
    """The seat went to another annotator."""

    status = 409
    code = "assignment_expired"


class AlreadyJudgedError(AnnotateError):
    """The same verdict came twice, or another one for a comparison that has one already."""

    status = 409
    code = "already_judged"


class UnknownNameError(AnnotateError):
    """A name that nothing here has: a language, a task, a data set."""

    code = "unknown_name"


class ImpossiblePlanError(AnnotateError):
    """An experiment that could not run; each sentence says what mends it."""

    code = "impossible_plan"

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class ExperimentStateError(AnnotateError):
    """An experiment that is not in the state the action needs."""

    status = 409
    code = "experiment_state"


class RunStateError(AnnotateError):
    """A run that is not in the state the action needs."""

    status = 409
    code = "run_state"
