"""Every row of Polyreward, by noun."""

from annotate.models.artifacts import Artifact
from annotate.models.attempts import Attempt
from annotate.models.audit import AuditEntry
from annotate.models.curves import Curve
from annotate.models.experiments import Experiment
from annotate.models.judgments import Judge, Judgment
from annotate.models.languages import Language
from annotate.models.news import Delivery, Notification
from annotate.models.people import Proficiency, User
from annotate.models.prompts import Prompt, PromptSet
from annotate.models.runs import Run
from annotate.models.studies import Assignment, Comparison, Study
from annotate.models.systems import Rating, Response, System
from annotate.models.workers import Worker

__all__ = [
    "Artifact",
    "Assignment",
    "Attempt",
    "AuditEntry",
    "Comparison",
    "Curve",
    "Delivery",
    "Experiment",
    "Judge",
    "Judgment",
    "Language",
    "Notification",
    "Proficiency",
    "Prompt",
    "PromptSet",
    "Rating",
    "Response",
    "Run",
    "Study",
    "System",
    "User",
    "Worker",
]
