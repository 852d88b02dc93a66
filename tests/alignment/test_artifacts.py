"""The artifact store: by content, whole or not at all."""

import errno
import hashlib
import shutil
from pathlib import Path

import pytest

from alignment.artifacts import ArtifactStore
from alignment.errors import AlignmentError
from alignment.records import Prompt


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "store")


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b'{"accuracy": 0.5}')
    return path


@pytest.fixture
def checkpoint(tmp_path):
    directory = tmp_path / "reward_model"
    (directory / "head").mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    (directory / "head" / "weights").write_bytes(b"\x00" * 10)
    return directory


def test_a_file_is_found_by_the_sha_256_of_its_bytes(store, report):
    stored = store.put(report)

    assert stored == (hashlib.sha256(report.read_bytes()).hexdigest(), 17)
    assert store.path(stored.digest).read_bytes() == report.read_bytes()
    assert store.path(stored.digest).name == "report.json"


def test_a_directory_is_found_with_all_its_files(store, checkpoint):
    stored = store.put(checkpoint)

    assert stored.num_bytes == 12
    assert (store.path(stored.digest) / "head" / "weights").read_bytes() == b"\x00" * 10


def test_the_digest_of_a_directory_depends_on_names_and_contents_only(store, checkpoint, tmp_path):
    digest = store.put(checkpoint).digest
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    assert store.put(copy).digest == digest

    (copy / "config.json").rename(copy / "other.json")

    assert store.put(copy).digest != digest


def test_putting_the_same_twice_stores_it_once(store, report):
    assert store.put(report) == store.put(report)

    assert len(list(store.root.rglob("report.json"))) == 1


def test_what_was_put_stays_when_the_original_changes(store, report):
    stored = store.put(report)

    report.write_bytes(b"changed")

    assert store.verify(stored.digest).read_bytes() == b'{"accuracy": 0.5}'


def test_a_copy_that_breaks_off_leaves_nothing(store, checkpoint):
    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.put(checkpoint, alive=stop)

    assert list(store.root.iterdir()) == []


def test_a_rival_that_stores_the_same_first_changes_nothing(store, report):
    """The rival acts between the copy and the rename."""
    rivals = []
    store_again = ArtifactStore(store.root)

    stored = store.put(report, alive=lambda: rivals.append(store_again.put(report)))

    assert rivals == [stored]
    assert store.verify(stored.digest).is_file()
    assert not list(store.root.glob("partial-*"))


def test_records_are_frozen_as_json_lines(store):
    prompt = Prompt(text="Érase una vez", language="es")

    path = store.path(store.put_lines("prompts.jsonl", [prompt, prompt]).digest)

    assert path.name == "prompts.jsonl"
    assert path.read_text().count("Érase una vez") == 2


def test_a_missing_artifact_is_named_with_what_to_do(store):
    with pytest.raises(AlignmentError, match="run again"):
        store.path("0" * 64)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_reaches_no_file(store, digest):
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(digest)


@pytest.mark.parametrize("kind", ["report", "checkpoint"])
def test_a_changed_artifact_is_noticed(store, kind, request):
    stored = store.put(request.getfixturevalue(kind))
    path = store.path(stored.digest)
    victim = path if path.is_file() else path / "config.json"
    victim.chmod(0o644)
    victim.write_bytes(b"forged")

    with pytest.raises(AlignmentError, match="was changed"):
        store.verify(stored.digest)


def test_an_empty_directory_is_no_artifact(store, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(ValueError, match="no files"):
        store.put(tmp_path / "empty")


def blocks(root) -> int:
    """Bytes that a directory takes on disk, each file once, as `du` counts."""
    files = {path.stat().st_ino: path.stat().st_blocks for path in root.rglob("*") if path.is_file()}
    return 512 * sum(files.values())


@pytest.fixture
def siblings(tmp_path):
    """Two reward models with heads of their own on one backbone of a mebibyte."""
    directories = [tmp_path / name / "reward_model" for name in ("en", "de")]
    for number, directory in enumerate(directories):
        (directory / "backbone").mkdir(parents=True)
        (directory / "backbone" / "weights").write_bytes(b"\x01" * 2**20)
        (directory / "head").write_bytes(bytes([number]) * 3000)
    return directories


def test_equal_files_of_two_directories_take_their_room_once(store, siblings):
    first, second = (store.path(store.put(directory).digest) for directory in siblings)

    backbones = [place / "backbone" / "weights" for place in (first, second)]
    assert len({path.stat().st_ino for path in backbones}) == 1
    assert backbones[0].stat().st_nlink == 3
    assert (first / "head").read_bytes() != (second / "head").read_bytes()
    assert blocks(store.root) < 1.1 * 2**20


def test_what_is_shared_counts_in_full_for_each_and_is_verified_for_each(store, siblings):
    stored = [store.put(directory) for directory in siblings]

    assert [one.num_bytes for one in stored] == [2**20 + 3000] * 2
    for one in stored:
        assert store.verify(one.digest).is_dir()


def test_a_change_of_shared_bytes_is_noticed_in_every_artifact_that_has_them(store, siblings):
    digests = [store.put(directory).digest for directory in siblings]
    _forge(store.path(digests[0]) / "backbone" / "weights")

    for digest in digests:
        with pytest.raises(AlignmentError, match="was changed"):
            store.verify(digest)


def test_changed_bytes_are_not_passed_on_to_what_is_stored_later(store, siblings):
    first, second = siblings
    broken = store.put(first).digest
    _forge(store.path(broken) / "backbone" / "weights")

    later = store.put(second).digest

    assert store.verify(later).is_dir()
    shutil.rmtree(store.path(broken).parent)
    assert store.verify(store.put(first).digest).is_dir()
    assert blocks(store.root) < 1.1 * 2**20


def test_without_hard_links_everything_is_copied(store, siblings, monkeypatch):
    def refuse(self, target):
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    for directory in siblings:
        place = store.verify(store.put(directory).digest)
        assert (place / "backbone" / "weights").stat().st_nlink == 1


def test_a_full_disk_is_not_taken_for_one_without_links(store, siblings, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    with pytest.raises(OSError, match="no space left"):
        store.put(siblings[0])
    assert not list(store.root.glob("partial-*"))


def _forge(path):
    path.chmod(0o644)
    path.write_bytes(b"forged")
