import json
from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from alignment.packages.files import checkpoint_digest, file_digests
from alignment.packages.origin import ORIGIN, Origin, check_contents, check_sizes, read_origin, write_origin
from tests.alignment.conftest import copy_of

FACTS = Origin(
    source="package:somewhere",
    revision="somewhere==1.0",
    licence="Somebody's Terms",
    licence_url="https://example.org/terms",
    input_digest="ab" * 32,
    languages=("de", "es"),
    input_prefix="query: ",
)


@pytest.fixture
def recorded(tiny_encoder: Path, tmp_path: Path) -> Path:
    checkpoint = copy_of(tiny_encoder, tmp_path)
    write_origin(checkpoint, FACTS)
    return checkpoint


def test_an_origin_is_read_as_it_was_written(recorded: Path):
    record = read_origin(recorded)

    assert record is not None
    assert record.origin == FACTS
    assert record.digest == checkpoint_digest(file_digests(recorded))


def test_a_directory_without_a_record_has_no_origin(tiny_encoder: Path):
    assert read_origin(tiny_encoder) is None


def test_a_broken_record_is_refused(recorded: Path):
    record = json.loads((recorded / ORIGIN).read_text())
    del record["licence"]
    (recorded / ORIGIN).write_text(json.dumps(record))

    with pytest.raises(AlignmentError, match="delete the directory"):
        read_origin(recorded)


def test_another_size_is_noticed_at_once(recorded: Path):
    record = read_origin(recorded)
    assert record is not None
    check_sizes(recorded, record)

    with (recorded / "config.json").open("a") as file:
        file.write("\n")

    with pytest.raises(AlignmentError, match="delete the directory"):
        check_sizes(recorded, record)


def test_an_added_file_of_weights_is_noticed(recorded: Path):
    record = read_origin(recorded)
    assert record is not None

    (recorded / "more.safetensors").write_bytes(b"")

    with pytest.raises(AlignmentError, match="delete the directory"):
        check_sizes(recorded, record)


def test_other_contents_of_equal_size_are_noticed_by_the_full_check(recorded: Path):
    record = read_origin(recorded)
    assert record is not None
    check_contents(recorded, record)

    weights = bytearray((recorded / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (recorded / "model.safetensors").write_bytes(weights)

    check_sizes(recorded, record)
    with pytest.raises(AlignmentError, match="delete the directory"):
        check_contents(recorded, record)
