"""What the first experiment on the example data consists of: people, models, languages and sizes."""

import json
import secrets
from pathlib import Path
from typing import NamedTuple

from annotate.models import Experiment, Proficiency, Run, User
from annotate.services import audit, experiments, runs
from annotate.services.languages import ensure_language

NAME = "Warm continuations"
SOURCES, TARGETS = ("en",), ("de", "es")
POLICY, BACKBONE = "package:gemma3-270m", "package:multilingual-e5-small"
ROLES = {"annotator": User.Role.ANNOTATOR, "researcher": User.Role.RESEARCHER, "admin": User.Role.ADMIN}
SPOKEN = ("ar", "de", "en", "es", "ru", "tr", "vi")


class SignIn(NamedTuple):
    """How one of the demonstration's people signs in."""

    name: str
    role: str
    password: str


def people(kept_in: Path) -> list[SignIn]:
    """One person of each role; the passwords are random, made once and kept in a file of the owner's."""
    passwords = _passwords(kept_in)
    return [_person(name, role, passwords[name]) for name, role in ROLES.items()]


def launch_once() -> Experiment:
    """The demonstration's experiment; made, or its broken runs retried."""
    experiment = Experiment.objects.filter(name=NAME, created_by__username="admin").first()
    if experiment is None:
        return _launch()
    for run in experiment.runs.filter(status__in=[Run.Status.FAILED, Run.Status.CANCELLED]):
        runs.retry(run)
    return experiment


def _launch() -> Experiment:
    experiment = Experiment(
        name=NAME,
        task="continuation",
        policy=POLICY,
        backbone=BACKBONE,
        method="frozen",
        feedback="warm-lines",
        prompts="warm-openings",
        n=16,
        num_prompts=24,
        votes_wanted=1,
        seed=0,
        created_by=User.objects.get(username="admin"),
    )
    return experiments.launch(
        experiment,
        sources=[ensure_language(tag) for tag in SOURCES],
        targets=[ensure_language(tag) for tag in TARGETS],
    )


def _passwords(kept_in: Path) -> dict[str, str]:
    if not kept_in.exists():
        kept_in.touch(mode=0o600)
        kept_in.write_text(json.dumps({name: secrets.token_urlsafe(9) for name in ROLES}))
    passwords: dict[str, str] = json.loads(kept_in.read_text())
    return passwords


def _person(name: str, role: User.Role, password: str) -> SignIn:
    is_admin = role == User.Role.ADMIN
    user, is_new = User.objects.get_or_create(
        username=name, defaults={"role": role, "is_staff": is_admin, "is_superuser": is_admin}
    )
    if is_new:
        user.set_password(password)
        user.save(update_fields=["password"])
        audit.record_from_shell("user.added", user, role=role)
    if role == User.Role.ANNOTATOR:
        for tag in SPOKEN:
            Proficiency.objects.get_or_create(
                user=user, language=ensure_language(tag), defaults={"level": Proficiency.Level.NATIVE}
            )
    return SignIn(name, role, password)
