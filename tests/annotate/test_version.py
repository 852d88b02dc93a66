"""The code version tells an edited checkout from a committed one, and lives without git."""

import subprocess

import pytest

from annotate import version


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit, in the place of ours."""
    monkeypatch.setattr(version, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "code.py").touch()
    for command in (
        ["init", "--quiet"],
        ["add", "code.py"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Begin"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)  # noqa: S603, S607
    return tmp_path


def fresh_version() -> str:
    return version.code_version.__wrapped__()


def commit_of(checkout) -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def test_a_checkout_has_its_commit(checkout):
    assert fresh_version() == f"{version.VERSION} ({commit_of(checkout)})"


def test_an_edited_checkout_says_so(checkout):
    (checkout / "code.py").write_text("1")

    assert fresh_version() == f"{version.VERSION} ({commit_of(checkout)}, changed)"


def test_a_new_file_is_no_edit(checkout):
    (checkout / "notes.txt").touch()

    assert "changed" not in fresh_version()


def test_without_a_checkout_the_version_is_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "ROOT", tmp_path)

    assert fresh_version() == version.VERSION


def test_without_git_the_version_is_alone(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout))

    assert fresh_version() == version.VERSION
