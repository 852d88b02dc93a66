"""Files for a paper's appendix: win rates and every judgment, as CSV and JSON Lines, streamed."""

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import QuerySet

from alignment.statistics.win_rate import BothBad
from annotate.models import Experiment, Judgment, User
from annotate.services import audit
from annotate.services.results import evaluated, win_rate_matrix

Row = dict[str, Any]
Download = Callable[[Experiment, BothBad], Iterator[str]]


def win_rate_rows(experiment: Experiment, both_bad: BothBad) -> Iterator[Row]:
    """One row for each source and target that has a verdict; shares between 0 and 1."""
    matrix = win_rate_matrix(experiment, both_bad=both_bad)
    for cell in matrix.cells.values():
        if cell.win_rate is not None:
            yield {
                "experiment": experiment.pk,
                "source": cell.source,
                "target": cell.target,
                "num_comparisons": cell.num_comparisons,
                **cell.win_rate._asdict(),
                "both_bad": str(both_bad),
            }


def judgment_rows(experiment: Experiment, both_bad: BothBad) -> Iterator[Row]:
    """One row for each standing judgment; annotators appear by number. `both_bad` makes no difference."""
    rows: QuerySet[Judgment] = evaluated(experiment).select_related(
        "judge",
        "comparison__prompt__prompt_set",
        "comparison__first__system",
        "comparison__second__system",
    )
    for judgment in rows.iterator(500):
        pair = judgment.comparison
        yield {
            **pair.prompt.as_record().as_json(),
            "experiment": experiment.pk,
            "comparison": pair.pk,
            "source": pair.first.system.source_id,
            "first_system": pair.first.system.name,
            "first": pair.first.text,
            "second_system": pair.second.system.name,
            "second": pair.second.text,
            "identical": pair.identical,
            "judge": judgment.judge_id,
            "judge_kind": judgment.judge.kind,
            "points": judgment.points,
            "both_bad": judgment.both_bad,
            "swapped": judgment.swapped,
            "seconds": judgment.seconds,
            "created_at": judgment.created_at.isoformat(),
        }


def note_download(reader: User, experiment: Experiment, name: str, both_bad: BothBad) -> None:
    """Keep in the audit trail who took which file."""
    audit.record(reader, "results.downloaded", experiment, file=name, both_bad=str(both_bad))


class _Echo:
    """A file that hands back what the CSV writer writes."""

    def write(self, line: str) -> str:
        return line


def as_csv(rows: Iterator[Row]) -> Iterator[str]:
    """Lines of CSV; conversations become JSON, and no text can pass for a spreadsheet formula."""
    writer = csv.writer(_Echo())
    for number, row in enumerate(rows):
        if number == 0:
            yield writer.writerow(row)
        yield writer.writerow([_csv_value(value) for value in row.values()])


def as_json_lines(rows: Iterator[Row]) -> Iterator[str]:
    """Lines of JSON."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _csv_value(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


FILES: dict[str, Download] = {
    "win-rates.csv": lambda experiment, both_bad: as_csv(win_rate_rows(experiment, both_bad)),
    "win-rates.jsonl": lambda experiment, both_bad: as_json_lines(win_rate_rows(experiment, both_bad)),
    "judgments.csv": lambda experiment, both_bad: as_csv(judgment_rows(experiment, both_bad)),
    "judgments.jsonl": lambda experiment, both_bad: as_json_lines(judgment_rows(experiment, both_bad)),
}
