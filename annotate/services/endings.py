"""What news says: how an experiment ended, and why a run failed, in one sentence each."""

from annotate.models import Experiment, Run

NAMED = 3  # more runs than these are counted, not named
REASON_LENGTH = 200


def ending_of(experiment: Experiment) -> str:
    """Whether it can be judged, else which of its runs did not succeed and what waits for them."""
    if experiment.cancelled_at:
        return f"{experiment} was cancelled."
    states = list(experiment.runs.order_by("pk").values_list("title", "status"))
    broken = [
        f"{title} {'failed' if status == Run.Status.FAILED else 'was cancelled'}"
        for title, status in states
        if status in (Run.Status.FAILED, Run.Status.CANCELLED)
    ]
    if not broken:
        return f"{experiment} is ready to be judged."
    waiting = sum(status == Run.Status.WAITING for _, status in states)
    return f"{experiment} ended: {_listed(broken)}{_waiting(waiting)}."


def failure_of(run: Run) -> str:
    """With its reason where a person can mend it; a traceback is left to the page of the run."""
    name = f"{run.title[:1].upper()}{run.title[1:]}"
    if run.error_kind == Run.ErrorKind.USER:
        reason = " ".join(run.error.split())
        return f"{name} failed: {reason if len(reason) <= REASON_LENGTH else reason[:REASON_LENGTH] + '…'}"
    return f"{name} failed. Something broke in the software or on the machine; its page shows what."


def _listed(broken: list[str]) -> str:
    named, more = broken[:NAMED], len(broken) - NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _waiting(num_runs: int) -> str:
    if not num_runs:
        return ""
    return "; one run waits for that" if num_runs == 1 else f"; {num_runs} runs wait for that"
