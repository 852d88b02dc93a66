import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alignment import __main__ as command_line
from alignment.errors import AlignmentError
from alignment.jsonl import read_records, write_records
from alignment.progress import Step
from alignment.records import PooledResponse, Prompt, PromptPool, PromptRewards
from tests.alignment.reward.conftest import COLD, WARM, line, pairs, ratings

RATINGS = [*ratings(40), *ratings(12, split="validation"), *ratings(12, split="test", language="de")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with data and a pool, where relative paths lead."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_records(tmp_path / "data.jsonl", RATINGS)
    write_records(tmp_path / "pool.jsonl", pool(21))
    return tmp_path


@pytest.fixture
def trained(place, tiny_encoder):
    """The directory with a reward model in it, too."""
    assert command_line.main(train_reward(tiny_encoder)) == 0
    return place


def train_reward(backbone: Path, *changes: str) -> list[str]:
    given = ["--data", "data.jsonl", "--backbone", str(backbone), "--task", "continuation", "--seed", "1"]
    return ["train-reward", *given, "--output", "model", "--progress", "none", *changes]


def score(output: str, *changes: str) -> list[str]:
    given = ["--pool", "pool.jsonl", "--reward-model", "model", "--output", output]
    return ["score", *given, "--progress", "none", *changes]


def pool(count: int) -> list[PromptPool]:
    return [
        PromptPool(
            prompt=Prompt(text=f"Opening {number}", language="es"),
            unaligned=PooledResponse(text=line(COLD, number), logprob=-1.0, num_tokens=3, finished=True),
            candidates=tuple(
                PooledResponse(text=line(words, number), logprob=-1.0, num_tokens=3, finished=True)
                for words in (COLD, WARM)
            ),
        )
        for number in range(count)
    ]


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from alignment.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)  # noqa: S603

    assert all(name in found.stdout for name in command_line.COMMANDS)
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main([name, "--help"])

    assert ended.value.code == 0
    assert f"python -m alignment {name}" in capsys.readouterr().out


def test_an_error_of_the_user_is_one_sentence_and_exit_code_two(place, capsys):
    code = command_line.main(train_reward(Path("nowhere"), "--data", "missing.jsonl"))

    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "missing.jsonl could not be read" in output.err


def test_steps_are_lines_of_json_and_the_result_is_the_last(place, tiny_encoder, capsys):
    command_line.main(["--progress", "json", *train_reward(tiny_encoder)[:-2]])

    *steps, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert steps
    assert all(set(step) == {"done", "total", "unit", "metrics", "text", "note"} for step in steps)
    assert last["result"]["languages"]["en"]["ratings"] == 52


def test_shared_options_may_stand_behind_the_command(place, tiny_encoder, capsys):
    command_line.main([*train_reward(tiny_encoder), "--progress", "json"])

    assert json.loads(capsys.readouterr().out.splitlines()[-1])["result"]


def test_the_bar_is_on_the_screen_and_only_the_result_on_the_output(place, tiny_encoder, capsys):
    command_line.main([*train_reward(tiny_encoder), "--progress", "bar"])

    output = capsys.readouterr()
    assert json.loads(output.out)["feedback"] == "ratings"
    assert "strengths" in output.err


def test_what_a_library_prints_does_not_come_between_the_lines(capsys, monkeypatch):
    def run(arguments, progress):
        sys.stdout.write("chatter\n")
        progress(Step(done=1, total=1, unit="steps"))
        return {}

    monkeypatch.setattr("alignment.commands.prepare.run", run)

    code = command_line.main(["prepare", "--source", "s", "--languages", "en", "--progress", "json"])

    output = capsys.readouterr()
    assert code == 0
    assert [json.loads(line) for line in output.out.splitlines()][-1] == {"result": {}}
    assert output.err == "chatter\n"


def test_frozen_is_the_method_unless_another_is_asked_for(trained):
    assert json.loads((trained / "model" / "reward_model.json").read_text())["settings"]["method"] == "frozen"


def test_the_same_training_again_changes_nothing(trained, tiny_encoder):
    before = (trained / "model" / "reward_model.json").stat().st_mtime_ns

    assert command_line.main(train_reward(tiny_encoder)) == 0
    assert (trained / "model" / "reward_model.json").stat().st_mtime_ns == before


def test_a_training_with_another_seed_does_not_overwrite(trained, tiny_encoder, capsys):
    assert command_line.main(train_reward(tiny_encoder, "--seed", "2")) == 2
    assert "choose another place" in capsys.readouterr().err


def test_a_pool_is_scored_prompt_by_prompt(trained):
    assert command_line.main(score("rewards.jsonl")) == 0

    rewards = read_records(trained / "rewards.jsonl", PromptRewards.from_json)
    assert [one.prompt_key for one in rewards] == [one.prompt.key for one in pool(21)]
    cold, warm = zip(*(one.candidates for one in rewards), strict=True)
    assert sum(warm) > sum(cold)


@pytest.mark.parametrize("num_reports", [1, 8, 12])
def test_a_scoring_cut_short_goes_on_and_ends_with_the_same_bytes(trained, monkeypatch, num_reports):
    command_line.main(score("straight.jsonl"))
    reports: list[Step] = []

    def stop(step: Step) -> None:
        reports.append(step)
        if len(reports) == num_reports:
            raise AlignmentError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr("alignment.commands.reporting.Quiet.step", lambda self, step: stop(step))
        assert command_line.main(score("cut.jsonl", "--models", "elsewhere")) == 2
        assert not (trained / "cut.jsonl").exists()
        reports.append(reports[-1])  # the second time nothing stops it
        assert command_line.main(score("cut.jsonl", "--models", "elsewhere")) == 0

    assert reports[num_reports + 1].done == num_reports + 1
    assert (trained / "cut.jsonl").read_bytes() == (trained / "straight.jsonl").read_bytes()
    assert not list(trained.glob("*.partial"))


def test_rewards_of_another_reward_model_are_not_taken_up(trained, tiny_encoder, monkeypatch):
    def stop(self, step: Step) -> None:
        raise AlignmentError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr("alignment.commands.reporting.Quiet.step", stop)
        command_line.main(score("cut.jsonl"))
    write_records(trained / "data.jsonl", pairs(30))
    command_line.main(train_reward(tiny_encoder, "--output", "other"))

    command_line.main(score("cut.jsonl", "--reward-model", "other"))
    command_line.main(score("straight.jsonl", "--reward-model", "other"))

    assert (trained / "cut.jsonl").read_bytes() == (trained / "straight.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("lines", "reason"), [([], "is empty"), ([*pool(2), *pool(1)], "two pools of one prompt")]
)
def test_a_pool_that_cannot_be_scored_is_refused(trained, capsys, lines, reason):
    write_records(trained / "pool.jsonl", lines)

    assert command_line.main(score("rewards.jsonl")) == 2
    assert reason in capsys.readouterr().err


def test_the_accuracy_report_is_about_the_test_split(trained):
    given = ["--data", "data.jsonl", "--reward-model", "model", "--output", "report/accuracy.json"]

    assert command_line.main(["accuracy", *given, "--progress", "none"]) == 0

    report = json.loads((trained / "report" / "accuracy.json").read_text())
    assert [(group["language"], group["split"]) for group in report["groups"]] == [("de", "test")]
    assert report["trained_on"]["languages"] == ["en"]


def test_an_accuracy_on_nothing_names_the_missing_split(trained, capsys):
    write_records(trained / "train.jsonl", ratings(4))
    given = ["--data", "train.jsonl", "--reward-model", "model", "--output", "accuracy.json"]

    assert command_line.main(["accuracy", *given, "--progress", "none"]) == 2
    assert "No line has the split test" in capsys.readouterr().err


def test_sigterm_means_afterwards_what_it_meant_before(trained):
    before = signal.getsignal(signal.SIGTERM)

    command_line.main(score("rewards.jsonl"))

    assert signal.getsignal(signal.SIGTERM) is before


def test_half_of_the_cores_are_used_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", "to be restored")
    monkeypatch.delenv("OMP_NUM_THREADS")

    command_line._set_threads(None)
    assert os.environ["OMP_NUM_THREADS"] == "4"
    command_line._set_threads(None)
    assert os.environ["OMP_NUM_THREADS"] == "4"
    command_line._set_threads(3)
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_sigterm_stops_a_training_with_a_checkpoint_and_exit_code_143(place, tiny_encoder):
    write_records(place / "data.jsonl", pairs(40))
    command = train_reward(
        tiny_encoder, "--method", "full", "--epochs", "40", "--batch-size", "4", "--progress", "json"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(command_line.__file__).parents[1])}
    process = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", "alignment", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    started = time.monotonic()
    for step in map(json.loads, process.stdout):
        assert time.monotonic() - started < 240
        if step["unit"] == "steps" and step["done"] == 5:
            process.send_signal(signal.SIGTERM)
            break
    rest, error = process.communicate(timeout=240)

    assert process.returncode == 143
    assert error.endswith("Stopped. Give the same command again to go on.\n")
    assert '"result"' not in rest
    assert list((place / "model.partial" / "checkpoints").glob("checkpoint-*/trainer_state.json"))


def test_a_note_is_shown_on_the_screen_beside_the_bar(capsys, monkeypatch):
    def run(arguments, progress):
        progress(Step(done=1, total=2, unit="steps", note="From now on in halves."))
        return {}

    monkeypatch.setattr("alignment.commands.prepare.run", run)

    command_line.main(["prepare", "--source", "s", "--languages", "en", "--progress", "bar"])

    assert "From now on in halves." in capsys.readouterr().err
