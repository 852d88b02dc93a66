"""The file of an experiment: what is written is read again, and what is wrong is told by its key."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.languages import LANGUAGES
from alignment.tasks import TASKS
from annotate.models import Experiment
from annotate.services.drafts import METHODS, Draft
from annotate.services.experiment_files import (
    KEYS,
    ExperimentFileError,
    read_experiment,
    write_experiment,
)
from annotate.services.languages import ensure_language
from annotate.services.presets import PRESETS
from tests.annotate.factories import UserFactory

FILE = """\
polyreward: 1
name: Warm lines
task: continuation
feedback: lines
sources:
- en
prompts: openings
targets:
- es
- tr
demonstrations: null
policy: package:gemma3-270m
backbone: package:multilingual-e5-small
method: frozen
n: 16
prompts_per_target: 24
votes: 1
half_width: 0.1
seed: 0
priority: normal
"""


def texts(longest: int) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(letters, min_size=1, max_size=longest).filter(str.strip)


languages = st.sets(st.sampled_from(sorted(LANGUAGES)), min_size=1, max_size=6).map(
    lambda tags: tuple(sorted(tags))
)
drafts = st.builds(
    Draft,
    name=texts(120),
    task=st.sampled_from(sorted(TASKS)),
    feedback=texts(80),
    sources=languages,
    prompts=texts(80),
    targets=languages,
    demonstrations=st.just("") | texts(80),
    policy=texts(300),
    backbone=texts(300),
    method=st.sampled_from(METHODS),
    n=st.integers(2, 1024),
    num_prompts=st.integers(1, 2**31 - 1),
    votes_wanted=st.integers(1, 50),
    half_width=st.floats(0.01, 0.5),
    seed=st.integers(0, 2**31 - 1),
    priority=st.sampled_from([-1, 0, 1]),
)


@settings(deadline=None)
@given(drafts)
def test_what_was_written_is_read_again(draft):
    assert read_experiment(write_experiment(draft)) == draft


@pytest.mark.django_db
@settings(deadline=None)
@given(drafts)
def test_an_experiment_that_came_from_a_file_gives_that_file(draft):
    file = write_experiment(draft)
    user = UserFactory._meta.model.objects.get_or_create(username="adam")[0]

    experiment = read_experiment(file).experiment(user)
    experiment.save()
    for name in ("sources", "targets"):
        getattr(experiment, name).set([ensure_language(tag) for tag in getattr(draft, name)])

    assert write_experiment(Draft.of(Experiment.objects.get(pk=experiment.pk))) == file


@pytest.mark.parametrize("letter", ["\x85", "\u2028", "\u2029", "\n", "\r", "\t", "\x1b", "\ufeff", "\u200d"])
def test_a_letter_that_nobody_sees_is_kept(letter):
    draft = replace(PRESETS["quick-look"].draft, name=f"Äb{letter}{letter}c", policy=f"/models{letter}")

    assert read_experiment(write_experiment(draft)) == draft


def test_the_file_is_written_for_people():
    assert write_experiment(read_experiment(FILE)) == FILE


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_is_a_file(preset):
    assert read_experiment(write_experiment(preset.draft)) == preset.draft


def test_the_file_in_the_documents_is_one():
    document = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text()

    draft = read_experiment(document.partition("```yaml\n")[2].partition("```")[0])

    assert draft.name == "Warm lines"


def test_the_order_of_languages_makes_no_difference():
    swapped = FILE.replace("- es\n- tr", "- tr\n- es")

    assert read_experiment(swapped) == read_experiment(FILE)


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_needed(name):
    values = yaml.safe_load(FILE)
    del values[name]

    with pytest.raises(ExperimentFileError, match=f'"{name}" is missing; add it.'):
        read_experiment(yaml.safe_dump(values))


@pytest.mark.parametrize("name", [name for name in KEYS if name != "demonstrations"])
@pytest.mark.parametrize("value", ["null", "{a: b}", "true", "''", "[]", "[1]", "-7"])
def test_a_value_of_the_wrong_kind_is_told_with_its_key(name, value):
    values = yaml.safe_load(FILE) | {name: yaml.safe_load(value)}

    with pytest.raises(ExperimentFileError, match=f'^"{name}" must be '):
        read_experiment(yaml.safe_dump(values))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("polyreward: 1", "polyreward: 2", 'must say "polyreward: 1"'),
        ("polyreward: 1\n", "", 'must say "polyreward: 1"'),
        ("n: 16", "n: 1", '"n" must be a whole number from 2 to 1,024, not 1'),
        ("n: 16", "n: '16'", '"n" must be a whole number'),
        ("n: 16", "n: 16\nn: 17", '"n" stands there twice'),
        ("n: 16", "n: 16\nbatch: 3", '"batch" is no key of an experiment'),
        ("half_width: 0.1", "half_width: .nan", '"half_width" must be a number from 0.01 to 0.5'),
        ("- es", "- no", '"targets" must be a list of different language tags'),
        ("- tr", "- es", '"targets" must be a list of different language tags'),
        ("- es", "- klingon", '"targets" must be a list of different language tags'),
        ("name: Warm lines", "name: 2024", '"name" must be a text'),
        ("name: Warm lines", "name: " + "x" * 121, '"name" must be a text of up to 120 characters'),
        ("priority: normal", "priority: urgent", "one of low, normal, high"),
        ("name: Warm lines", "name: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("name: Warm lines", 'name: "Warm', "is no YAML"),
        ("name: Warm lines", "name: 2024-13-45", "is no YAML"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence(old, new, sentence):
    assert old in FILE

    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(FILE.replace(old, new))

    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a", "[" * 5000, "x" * 200_000, "? [a]\n: b\n"])
def test_what_is_no_experiment_at_all_is_refused(text):
    with pytest.raises(ExperimentFileError):
        read_experiment(text)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_whatever_breaks_the_reader(text):
    with pytest.raises(ExperimentFileError):
        read_experiment(text)
