from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from alignment.packages.registry import PACKAGES
from alignment.sources import PACKAGE_NAMES, ModelSource, SourceKind, is_trimmed, parse_source


def test_a_directory_is_a_source(tmp_path: Path):
    assert parse_source(str(tmp_path)) == ModelSource(kind=SourceKind.DIRECTORY, name=str(tmp_path))


def test_a_package_is_a_source():
    source = ModelSource(kind=SourceKind.PACKAGE, name="multilingual-e5-small")

    assert parse_source("package:multilingual-e5-small") == source


def test_a_revision_of_the_hub_is_a_source():
    source = ModelSource(kind=SourceKind.HUB, name="Qwen/Qwen3-0.6B", revision="c1899de")

    assert parse_source("Qwen/Qwen3-0.6B@c1899de") == source


@pytest.mark.parametrize("text", ["package:gemma3-270m", "Qwen/Qwen3-0.6B@c1899de"])
def test_a_source_is_written_as_it_is_read(text: str):
    assert str(parse_source(text)) == text


@pytest.mark.parametrize("text", ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B@main"])
def test_a_name_on_the_hub_that_moves_is_refused(text: str):
    with pytest.raises(AlignmentError, match="write Qwen/Qwen3-0.6B@REVISION with a commit hash or a tag"):
        parse_source(text)


def test_an_unknown_package_is_answered_with_the_known_ones():
    with pytest.raises(AlignmentError, match="package:gemma3-270m, package:multilingual-e5-small"):
        parse_source("package:gemma4")


def test_anything_else_is_no_source():
    with pytest.raises(AlignmentError, match="is no source"):
        parse_source("./no/such/directory")


def test_every_package_can_be_named():
    assert set(PACKAGE_NAMES) == set(PACKAGES)


def test_the_site_knows_which_packages_are_cut_to_the_languages_in_use():
    assert [key for key in PACKAGE_NAMES if is_trimmed(f"package:{key}")] == [
        key for key, package in PACKAGES.items() if package.trimmed
    ]
    assert not is_trimmed("gemma3-270m")  # a directory of that name
