from pathlib import Path

import pytest
from filelock import FileLock

from alignment.packages import preparation
from alignment.packages.preparation import prepared_once
from alignment.progress import Step, silent


class StoppedError(Exception):
    """Raised by a progress report that cancels."""


def write_file(directory: Path) -> None:
    (directory / "file").write_text("whole")


def test_a_directory_is_built_only_once(tmp_path: Path):
    built = []
    for _ in range(2):
        prepared_once(tmp_path / "made", lambda path: built.append(path), progress=silent)

    assert len(built) == 1


def test_the_name_appears_only_when_the_directory_is_whole(tmp_path: Path):
    def build(directory: Path) -> None:
        assert not (tmp_path / "made").exists()
        write_file(directory)

    prepared_once(tmp_path / "made", build, progress=silent)

    assert (tmp_path / "made" / "file").read_text() == "whole"


def test_a_failed_build_leaves_nothing_and_the_next_begins_afresh(tmp_path: Path):
    def fail(directory: Path) -> None:
        (directory / "torn").write_text("")
        raise StoppedError

    with pytest.raises(StoppedError):
        prepared_once(tmp_path / "made", fail, progress=silent)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    prepared_once(tmp_path / "made", write_file, progress=silent)

    assert [path.name for path in (tmp_path / "made").iterdir()] == ["file"]


def test_what_a_killed_process_left_is_thrown_away(tmp_path: Path):
    (tmp_path / ".made.partial").mkdir()
    (tmp_path / ".made.partial" / "torn").write_text("")

    prepared_once(tmp_path / "made", write_file, progress=silent)

    assert [path.name for path in (tmp_path / "made").iterdir()] == ["file"]


def test_a_download_goes_on_where_it_stopped(tmp_path: Path):
    def stop(directory: Path) -> None:
        (directory / "first").write_text("")
        raise StoppedError

    with pytest.raises(StoppedError):
        prepared_once(tmp_path / "made", stop, keep_partial=True, progress=silent)
    prepared_once(tmp_path / "made", write_file, keep_partial=True, progress=silent)

    assert {path.name for path in (tmp_path / "made").iterdir()} == {"first", "file"}


def test_who_comes_second_waits_and_takes_what_the_first_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(preparation, "WAIT_SECONDS", 0.01)
    rival = FileLock(tmp_path / ".made.lock")
    rival.acquire()
    reports = []

    def finish_the_rival(step: Step) -> None:
        reports.append(step.text)
        (tmp_path / "made").mkdir()
        rival.release()

    def build(directory: Path) -> None:
        raise AssertionError("the rival made it already")

    prepared_once(tmp_path / "made", build, progress=finish_the_rival)

    assert reports == ["Another process is preparing made; waiting."]


def test_waiting_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(preparation, "WAIT_SECONDS", 0.01)

    def cancel(step: Step) -> None:
        raise StoppedError

    with FileLock(tmp_path / ".made.lock"), pytest.raises(StoppedError):
        prepared_once(tmp_path / "made", write_file, progress=cancel)
