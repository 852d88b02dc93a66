import os
import signal
import subprocess
import sys
import time
from argparse import Namespace

import pytest
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env
from torch.distributed.run import get_args_parser

from alignment import members, multi_device
from alignment.devices import Device, Machine
from alignment.errors import AlignmentError
from alignment.multi_device import keep_to_one_device, launch, launch_command, processes_to_start

WORK = ["train-reward", "--method", "full", "--output", "with a blank", "--progress", "json"]


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many devices."""

    def put(num_devices: int) -> None:
        device = Device(name="H100", memory_bytes=80 * 2**30, used_bytes=0, utilisation=0)
        found = Machine(
            host="h", num_cpus=8, memory_bytes=2**36, available_bytes=2**35, devices=(device,) * num_devices
        )
        monkeypatch.setattr(multi_device, "read_machine", lambda: found)

    put(0)
    return put


@pytest.fixture
def starts(monkeypatch):
    """Lets `launch` run Python code in place of the work."""

    def put(code: str) -> None:
        monkeypatch.setattr(
            multi_device,
            "launch_command",
            lambda *_, **__: [sys.executable, "-c", "import os, sys, time\n" + code],
        )

    return put


def asked(*, method: str | None = "full", batch_size: int = 16, processes: int | None = None) -> Namespace:
    return Namespace(method=method, batch_size=batch_size, processes=processes)


@pytest.mark.parametrize(
    ("num_devices", "arguments", "expected"),
    [
        (0, asked(), 1),
        (1, asked(), 1),
        (4, asked(), 4),
        (4, asked(method="lora"), 4),
        (4, asked(method="frozen"), 1),
        (4, asked(method="rloo"), 1),
        (4, Namespace(processes=None), 1),
        (3, asked(), 2),
        (8, asked(batch_size=12), 6),
        (2, asked(batch_size=7), 1),
        (4, asked(processes=1), 1),
        (4, asked(processes=2), 2),
        (0, asked(processes=2), 2),
    ],
)
def test_training_takes_as_many_devices_as_share_its_batch_evenly(machine, num_devices, arguments, expected):
    machine(num_devices)

    assert processes_to_start(arguments) == expected


def test_one_of_several_processes_starts_no_others(machine, monkeypatch):
    machine(4)
    monkeypatch.setenv(members.OUTCOME, "/nowhere")

    assert processes_to_start(asked(processes=4)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (asked(processes=3), "divides --batch-size"),
        (asked(processes=0), "divides --batch-size"),
        (asked(method="frozen", processes=2), "Only training by lora or full"),
        (Namespace(processes=2), "Only training by lora or full"),
    ],
)
def test_a_number_of_processes_that_cannot_be_is_refused(machine, arguments, message):
    with pytest.raises(AlignmentError, match=message):
        processes_to_start(arguments)


def test_accelerate_reads_our_command_line_as_sharding_over_all_devices(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    python, minus_m, launcher, *words = launch_command(WORK, 4, on_devices=True)

    read, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
    environment = prepare_multi_gpu_env(read)

    assert (python, minus_m, launcher) == (sys.executable, "-m", "accelerate.commands.launch")
    assert (read.module, read.training_script, read.training_script_args) == (True, "alignment", WORK)
    assert (read.nproc_per_node, read.num_machines, read.use_fsdp) == ("4", 1, True)
    assert environment["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert environment["OMP_NUM_THREADS"] == "3"
    for name, value in environment.items():
        if name.startswith(("FSDP_", "ACCELERATE_")):
            monkeypatch.setenv(name, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert "FULL_STATE_DICT" in str(plugin.state_dict_type)
    assert not plugin.cpu_ram_efficient_loading
    assert not plugin.activation_checkpointing


def test_every_option_for_sharding_is_one_that_accelerate_knows():
    known = {option for action in launch_command_parser()._actions for option in action.option_strings}

    assert set(multi_device.FSDP) <= known


def test_two_launches_on_one_machine_do_not_share_a_port():
    words = launch_command(WORK, 2, on_devices=True)[3:]
    ports = set()
    for _ in range(2):
        read, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
        prepare_multi_gpu_env(read)
        ports.add(read.master_port)

    assert len(ports) == 2
    assert "29500" not in ports


def test_torch_reads_our_command_line_for_a_cpu():
    _, _, launcher, *words = launch_command(WORK, 2, on_devices=False)

    read = get_args_parser().parse_args(words)

    assert launcher == "torch.distributed.run"
    assert (read.nproc_per_node, read.standalone, read.module) == ("2", True, True)
    assert (read.training_script, read.training_script_args) == ("alignment", WORK)


@pytest.mark.parametrize(("visible", "kept"), [(None, "0"), ("3,1", "3"), ("GPU-a,GPU-b", "GPU-a")])
def test_training_in_one_process_sees_one_device(machine, monkeypatch, visible, kept):
    machine(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    keep_to_one_device()

    assert os.environ["CUDA_VISIBLE_DEVICES"] == kept


def test_a_launch_ends_as_its_processes_end(machine, starts, capfd):
    starts("print('done')")
    assert launch(WORK, 2) == 0

    starts("sys.exit(3)")
    assert launch(WORK, 2) == 3

    assert capfd.readouterr().out == "done\n"


def test_the_first_word_of_a_process_is_the_status_and_the_last_line(machine, starts, capfd):
    starts(
        "from alignment.members import leave_word\n"
        "leave_word(2, 'Give more examples.')\n"
        "leave_word(9, 'Too late.')\n"
        "sys.stderr.write('a long traceback\\n')\n"
        "sys.exit(1)"
    )

    assert launch(WORK, 2) == 2
    assert capfd.readouterr().err.splitlines()[-1] == "Give more examples."


def test_processes_that_ask_for_it_are_started_again(machine, starts, tmp_path):
    starts(
        "from alignment.members import leave_word\n"
        f"marks = {str(tmp_path)!r}\n"
        "number = len(os.listdir(marks))\n"
        "open(os.path.join(marks, str(number)), 'w').close()\n"
        "if number < 2:\n    leave_word(75, 'Halved.')\n    sys.exit(1)"
    )

    assert launch(WORK, 2) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_the_threads_of_a_process_are_shared_out(machine, starts, monkeypatch, capfd):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    starts("print(os.environ['OMP_NUM_THREADS'])")

    launch(WORK, 4)

    assert capfd.readouterr().out == "2\n"


STARTER = """
import sys
from alignment import multi_device
multi_device.launch_command = lambda *_, **__: [sys.executable, "-c", {code!r}]
sys.exit(multi_device.launch([], 2))
"""
WORKING = """
import os, signal, sys, time
os.environ["RANK"] = "0"
from alignment.members import die_with_starter, leave_word
def stop(*_):
    leave_word(143, "Stopped.")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
die_with_starter()
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def started():
    """A starter in a process group of its own, and the id of the process that it started."""
    command = [sys.executable, "-c", STARTER.format(code=WORKING)]
    with subprocess.Popen(  # noqa: S603  our own interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as starter:
        assert starter.stdout is not None
        yield starter, int(starter.stdout.readline())
        starter.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_is_passed_on(started, number):
    starter, worker = started

    starter.send_signal(number)

    assert starter.wait(20) == 143
    assert starter.stderr.read() == "Stopped.\n"
    assert is_gone(worker)


def test_nothing_outlives_a_starter_that_is_killed(started):
    starter, worker = started

    starter.kill()

    deadline = time.monotonic() + 10
    while not is_gone(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{process}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "Z"
