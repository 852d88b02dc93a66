"""A run's process: its steps, its errors, and its end in every case."""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from annotate.services.runs import RunTakenAwayError
from workers import process
from workers.process import ProcessFailedError, ProcessHungError, run_alignment, shown_command

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time\ntime.sleep(60)\n"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
PARENT_OF_ONE = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[-1]).write_text(str(child.pid))
time.sleep(60)
"""


class Beats:
    """A heartbeat that keeps the steps, and loses the run when a file appears or after some seconds."""

    def __init__(self, *, lost_after: float = float("inf"), lost_when: Path | None = None) -> None:
        self.steps = []
        self.ends = time.monotonic() + lost_after
        self.sign = lost_when

    def __call__(self, step) -> None:
        self.steps.append(step)

    def beat(self) -> None:
        if time.monotonic() > self.ends or (self.sign and self.sign.exists() and self.sign.read_text()):
            raise RunTakenAwayError


def lives(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition, seconds=10.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def test_steps_and_the_result_are_read_from_its_output(scripted, directory):
    lines = [
        {"done": 1, "total": 2, "unit": "prompts", "metrics": {"loss": 0.5}, "text": "ü\n"},
        {"done": 2, "total": 2, "unit": "prompts"},
        {"result": {"dropped": 0}},
    ]
    scripted("\n".join(f"print({json.dumps(line)!r})" for line in lines))
    beats = Beats()

    result = run_alignment([], directory=directory, heartbeat=beats)

    assert result == {"dropped": 0}
    assert [(step.done, step.text) for step in beats.steps] == [(1, "ü\n"), (2, "")]
    assert beats.steps[0].metrics == {"loss": 0.5}


def test_what_a_library_prints_is_no_step(scripted, directory):
    scripted("print({'loss': 0.5})\nprint('42')\nprint('{\"result\": {\"ok\": 1}}')")

    assert run_alignment([], directory=directory, heartbeat=Beats()) == {"ok": 1}


def test_its_arguments_reach_it_unchanged(scripted, directory):
    scripted("import json, sys\nprint(json.dumps({'result': {'argv': sys.argv[1:]}}))")

    result = run_alignment(["sample", "a b", "$HOME"], directory=directory, heartbeat=Beats())

    assert result["argv"] == ["--progress", "json", "sample", "a b", "$HOME"]


def test_the_shown_command_can_be_pasted_into_a_shell():
    assert shown_command(["sample", "a b"]) == "python -m alignment sample 'a b'"


def test_it_does_not_see_the_secrets(scripted, directory, monkeypatch):
    secrets = {
        "POLYREWARD_SECRET_KEY",
        "POLYREWARD_EMAIL_URL",
        "POLYREWARD_METRICS_TOKEN",
        "DATABASE_URL",
        "REDIS_URL",
        "PGPASSWORD",
        "POSTGRES_PASSWORD",
    }
    for secret in secrets:
        monkeypatch.setenv(secret, "x" * 40)
    scripted("import json, os\nprint(json.dumps({'result': {'names': list(os.environ)}}))")

    names = run_alignment([], directory=directory, heartbeat=Beats())["names"]

    assert not secrets & set(names)


def test_an_error_that_a_person_can_mend_comes_with_its_sentence(scripted, directory):
    scripted(
        "import sys\nprint('loading', file=sys.stderr)\nsys.stderr.write('No such policy.\\n')\nsys.exit(2)"
    )

    with pytest.raises(AlignmentError, match="^No such policy.$"):
        run_alignment([], directory=directory, heartbeat=Beats())


def test_another_error_comes_with_its_status_and_the_end_of_the_log(scripted, directory):
    scripted("1 / 0")

    with pytest.raises(ProcessFailedError, match="status 1(.|\n)*ZeroDivisionError"):
        run_alignment([], directory=directory, heartbeat=Beats())


def test_a_process_that_was_killed_says_that_memory_may_be_short(scripted, directory):
    scripted("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")

    with pytest.raises(ProcessFailedError, match="memory"):
        run_alignment([], directory=directory, heartbeat=Beats())


def test_the_log_keeps_every_attempt_and_the_error_only_the_newest(scripted, directory):
    scripted("import sys\nsys.exit('first attempt')")
    with pytest.raises(ProcessFailedError):
        run_alignment([], directory=directory, heartbeat=Beats())
    scripted("import sys\nsys.exit('second attempt')")

    with pytest.raises(ProcessFailedError) as caught:
        run_alignment([], directory=directory, heartbeat=Beats())

    assert "first attempt" not in str(caught.value)
    assert "first attempt" in (directory / "log").read_text()
    assert "second attempt" in (directory / "log").read_text()


def test_a_cancelled_process_ends_at_once(scripted, directory):
    scripted(SLEEP)
    begun = time.monotonic()

    with pytest.raises(RunTakenAwayError):
        run_alignment([], directory=directory, heartbeat=Beats(lost_after=0.5))

    assert time.monotonic() - begun < process.GRACE_SECONDS


def test_a_cancelled_process_that_refuses_is_killed_after_the_grace_time(scripted, directory, monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    pid_file = directory / "pid"
    scripted(
        f"{STUBBORN}import os, pathlib, sys\npathlib.Path(sys.argv[-1]).write_text(str(os.getpid()))\n{SLEEP}"
    )

    with pytest.raises(RunTakenAwayError):
        run_alignment([str(pid_file)], directory=directory, heartbeat=Beats(lost_when=pid_file))

    assert not lives(int(pid_file.read_text()))


@pytest.mark.parametrize("stubborn", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "])
def test_cancelling_ends_the_processes_that_the_process_started(scripted, directory, stubborn):
    scripted(PARENT_OF_ONE.replace('"import time', f'"{stubborn}import time'))
    pid_file = directory / "pid"

    with pytest.raises(RunTakenAwayError):
        run_alignment([str(pid_file)], directory=directory, heartbeat=Beats(lost_when=pid_file))

    wait_until(lambda: not lives(int(pid_file.read_text())))


def test_a_process_that_lives_but_makes_no_step_is_ended(scripted, directory, settings):
    settings.HANG_SECONDS = 0.5
    scripted(PARENT_OF_ONE)
    pid_file = directory / "pid"

    with pytest.raises(ProcessHungError, match="no step for 0.5 seconds"):
        run_alignment([str(pid_file)], directory=directory, heartbeat=Beats())

    wait_until(lambda: not lives(int(pid_file.read_text())))


def test_steps_keep_a_slow_process_alive_and_so_does_a_limit_of_zero(scripted, directory, settings):
    step = json.dumps({"done": 1, "total": 9, "unit": "prompts"})
    scripted(f"import time\nfor _ in range(4):\n    time.sleep(0.5)\n    print({step!r}, flush=True)\n")
    settings.HANG_SECONDS = 1.2

    run_alignment([], directory=directory, heartbeat=Beats())
    settings.HANG_SECONDS = 0
    run_alignment([], directory=directory, heartbeat=Beats())


def test_a_process_that_prints_without_end_still_hears_that_it_is_lost(scripted, directory):
    scripted("while True:\n    print('noise' * 20)\n")

    with pytest.raises(RunTakenAwayError):
        run_alignment([], directory=directory, heartbeat=Beats(lost_after=0.5))


def test_no_second_attempt_can_work_in_the_directory_meanwhile(scripted, directory):
    scripted(
        "import fcntl, json, pathlib, sys\n"
        "try:\n"
        "    fcntl.flock(pathlib.Path(sys.argv[-1]).open(), fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
        "except BlockingIOError:\n"
        "    print(json.dumps({'result': {'locked': True}}))\n"
    )

    assert run_alignment([str(directory / "lock")], directory=directory, heartbeat=Beats()) == {
        "locked": True
    }


def test_the_process_holds_the_lock_too_because_its_worker_may_die_first(scripted, directory):
    scripted(
        "import json, os\n"
        "names = []\n"
        "for number in os.listdir('/proc/self/fd'):\n"
        "    try:\n"
        "        names.append(os.readlink(f'/proc/self/fd/{number}'))\n"
        "    except FileNotFoundError:\n"
        "        pass  # the listing itself\n"
        "print(json.dumps({'result': {'open': names}}))\n"
    )

    result = run_alignment([], directory=directory, heartbeat=Beats())

    assert str(directory / "lock") in result["open"]


def test_the_lock_is_free_after_an_attempt(scripted, directory):
    scripted("import sys\nsys.exit(1)")
    for _ in range(2):
        with pytest.raises(ProcessFailedError):
            run_alignment([], directory=directory, heartbeat=Beats(lost_after=20))


def test_an_attempt_that_waits_for_the_lock_can_be_cancelled(scripted, directory):
    scripted(SLEEP)
    cancelled = Beats(lost_when=directory / "stop")
    first = threading.Thread(
        target=lambda: pytest.raises(
            RunTakenAwayError, run_alignment, [], directory=directory, heartbeat=cancelled
        )
    )
    first.start()
    wait_until((directory / "lock").exists)

    with pytest.raises(RunTakenAwayError):
        run_alignment([], directory=directory, heartbeat=Beats(lost_after=0.5))

    (directory / "stop").write_text("now")
    first.join()


def test_the_process_dies_with_its_worker_even_by_kill_9(scripted, directory, tmp_path):
    scripted(PARENT_OF_ONE)
    pid_file = tmp_path / "pid"
    worker = subprocess.Popen(  # noqa: S603
        [
            sys.executable,
            "-c",
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-m', 'workers.tethered', 'alignment', sys.argv[1]],"
            " stdin=subprocess.PIPE, start_new_session=True)\n"
            "child.wait()",
            str(pid_file),
        ],
        cwd=tmp_path,
    )
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    grandchild = int(pid_file.read_text())

    worker.kill()
    worker.wait()

    wait_until(lambda: not lives(grandchild))


def test_a_tethered_process_refuses_to_share_its_starters_group():
    refused = subprocess.run(
        [sys.executable, "-m", "workers.tethered", "this"], cwd=ROOT, stderr=subprocess.PIPE, check=False
    )

    assert refused.returncode == 1
    assert b"leader of a process group" in refused.stderr
