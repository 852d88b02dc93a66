"""Launch the experiment that a file describes, or only show its plan."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from annotate.errors import AnnotateError
from annotate.models import User
from annotate.services import experiments
from annotate.services.drafts import Draft
from annotate.services.experiment_files import read_experiment
from annotate.services.languages import drafted_language
from annotate.services.plans import Preview, preview
from annotate.templatetags.counts import points
from annotate.templatetags.figures import duration


class Command(BaseCommand):
    help = "Launch the experiment that a YAML file describes (docs/experiments.md), after showing its plan."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--plan", action="store_true", help="only show the plan")
        parser.add_argument(
            "--as", dest="username", metavar="USERNAME", help="who launches it (the only admin there is)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            draft, admin = _read(options["file"]), _admin(options["username"])
            experiment = draft.experiment(admin)
            languages = {
                name: [drafted_language(tag) for tag in getattr(draft, name)]
                for name in ("sources", "targets")
            }
            found = preview(experiment, **languages)
            _show(found, Console(file=self.stdout))  # type: ignore[arg-type]  # it writes as a file does
            if found.refusals:
                raise CommandError("\n".join(found.refusals))
            if not options["plan"]:
                experiments.launch(experiment, **languages)
                self.stdout.write(f"Launched as experiment {experiment.pk}.")
        except AnnotateError as error:
            raise CommandError(str(error)) from error


def _read(path: Path) -> Draft:
    try:
        return read_experiment(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} could not be read as UTF-8 text: {error}.") from error


def _admin(username: str | None) -> User:
    """The admin of that name; without a name, the only one."""
    admins = User.objects.filter(role=User.Role.ADMIN, is_active=True)
    if username is not None:
        admins = admins.filter(username=username)
    found = admins[:2]
    if len(found) != 1:
        wanted = f"There is no admin {username}" if username is not None else "Several or no admins are here"
        raise CommandError(f"{wanted}; say --as USERNAME with the name of one.")
    return found[0]


def _show(plan: Preview, console: Console) -> None:
    runs = Table("Runs", "Planned", "There already", "Queue", "Worker time", title=str(plan.experiment))
    for kind in plan.kinds:
        time = "–" if not kind.num_worked_on else "not measured"
        time = time if kind.seconds is None or not kind.num_worked_on else duration(kind.seconds)
        runs.add_row(kind.name, str(kind.num_runs), str(kind.num_shared), kind.queue, time)
    console.print(runs)
    people = Table("Judging in", "Prompts", "Comparisons", "Votes", "Interval", "People needed", "Registered")
    for panel in plan.panels:
        numbers = (panel.num_prompts, panel.num_comparisons, panel.num_votes)
        width = f"± {points(panel.half_width)}"
        staff = (panel.num_annotators, panel.num_speakers)
        people.add_row(panel.language.tag, *map(str, numbers), width, *map(str, staff))
    console.print(people)
    for standing in plan.existing:
        console.print(f"{standing.planned.title}: {standing.sentence}", soft_wrap=True)
