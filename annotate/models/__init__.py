"""Every row of Polyreward, by noun."""

from annotate.models.experiments import Experiment
from annotate.models.judgments import Judge, Judgment
from annotate.models.languages import Language
from annotate.models.people import Proficiency, User
from annotate.models.prompts import Prompt, PromptSet
from annotate.models.runs import Artifact, Run
from annotate.models.studies import Assignment, Comparison, Study
from annotate.models.systems import Rating, Response, System

__all__ = [
    "Artifact",
    "Assignment",
    "Comparison",
    "Experiment",
    "Judge",
    "Judgment",
    "Language",
    "Proficiency",
    "Prompt",
    "PromptSet",
    "Rating",
    "Response",
    "Run",
    "Study",
    "System",
    "User",
]
