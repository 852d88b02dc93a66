"""The first lines of real human judgments, found by POLYREWARD_REAL_DATA or beside the project."""

import json
import os
from collections import Counter
from datetime import datetime
from io import BytesIO
from itertools import islice
from pathlib import Path

import pytest

from alignment.data.formats.registry import format_named
from annotate.models import Comparison, Judgment, Rating
from annotate.services.imports import ImportPlan, ImportReport, import_file

BESIDE = Path(__file__).parents[2] / "shared" / "data"
DATA = Path(os.environ.get("POLYREWARD_REAL_DATA", BESIDE))
NUM_LINES = 300
XED = ("de", "en", "es", "ru", "tr")
pytestmark = pytest.mark.django_db

if not DATA.is_dir():
    pytest.skip("needs XED and oasst1: docs/first-experiment.md", allow_module_level=True)


def lines_of(dataset: str, language: str) -> list[bytes]:
    with (DATA / dataset / f"{language}.jsonl").open("rb") as file:
        return list(islice(file, NUM_LINES))


def load(dataset: str, language: str, now: datetime) -> ImportReport:
    task = "dialog" if dataset == "oasst1" else "continuation"
    file = BytesIO(b"".join(lines_of(dataset, language)))
    return import_file(file, ImportPlan(format=format_named(dataset), task=task), now=now)


@pytest.mark.parametrize("language", XED)
def test_subtitle_lines_become_ratings_once(now, language):
    lines = [json.loads(line) for line in lines_of("xed", language)]

    first, second = load("xed", language, now), load("xed", language, now)

    assert (first.num_added, first.num_known, first.num_broken) == (len(lines), 0, 0)
    assert (second.num_added, second.num_known, second.num_broken) == (0, len(lines), 0)
    kept = Rating.objects.values_list("response__text", "good", "response__prompt__prompt_set__split")
    assert Counter(kept) == Counter((line["response"], line["good"], line["split"]) for line in lines)


def test_ranked_answers_become_preferences_once_in_the_split_of_their_translation(now):
    languages = ("en", "fi")
    first = [load("oasst1", language, now) for language in languages]
    second = [load("oasst1", language, now) for language in languages]

    assert [(report.num_added, report.num_broken) for report in first] == [(NUM_LINES, 0)] * 2
    assert [(report.num_added, report.num_known) for report in second] == [(0, NUM_LINES)] * 2
    assert Comparison.objects.count() == Judgment.objects.count() == 2 * NUM_LINES
    english, finnish = (Counter(group.split for group in report.added.elements()) for report in first)
    assert english == finnish
    assert set(english) == {"train", "validation", "test"}
