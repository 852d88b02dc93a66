"""One command in several processes, one for each device: when, by which command line, and how they end.

Torch is not imported here: the starter only starts, waits, and ends with the status of the work.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from alignment.devices import read_machine
from alignment.errors import AlignmentError
from alignment.members import OUTCOME, is_member

SPREAD = ("lora", "full")  # the methods that share a training among devices
START_AGAIN = 75
FSDP = {
    "--fsdp_version": "2",
    "--fsdp_reshard_after_forward": "true",
    "--fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "--fsdp_state_dict_type": "FULL_STATE_DICT",
    "--fsdp_cpu_ram_efficient_loading": "false",
    "--fsdp_offload_params": "false",
    "--fsdp_activation_checkpointing": "false",  # the trainers have their own
}


def processes_to_start(arguments: argparse.Namespace) -> int:
    """Of a parsed command: more than one only for training by lora or full, and not in one of several.

    As many as there are devices, or as `--processes` says; each step's batch is split among them evenly.
    """
    if is_member():
        return 1
    spread = getattr(arguments, "method", None) in SPREAD
    if arguments.processes is None:
        devices = len(read_machine().devices) if spread else 1
        return next(count for count in range(max(devices, 1), 0, -1) if _splits(arguments, count))
    if arguments.processes > 1 and not spread:
        raise AlignmentError("Only training by lora or full can be spread over several processes.")
    if arguments.processes < 1 or not _splits(arguments, arguments.processes):
        raise AlignmentError(
            f"The batch cannot be split evenly among {arguments.processes} processes; "
            "choose a number that divides --batch-size."
        )
    return int(arguments.processes)


def keep_to_one_device() -> None:
    """Before CUDA is started: the trainers would split each batch among all devices that they see."""
    if not is_member() and len(read_machine().devices) > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.partition(",")[0]


def launch_command(arguments: Sequence[str], num_processes: int, *, on_devices: bool) -> list[str]:
    """The command line that runs `python -m alignment ARGUMENTS` in several processes of this machine.

    On devices the weights, gradients and optimizer are sharded among them (FSDP, by accelerate), in bfloat16;
    on a CPU each process has them whole (by torch's own launcher: accelerate shards on accelerators alone).
    """
    module = ["-m", "alignment", *arguments]
    if not on_devices:
        torchrun = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
        return [sys.executable, "-m", *torchrun, *module]
    general = {
        "--num_processes": str(num_processes),
        "--num_machines": "1",
        "--main_process_port": "0",  # any that is free: another training may run beside this one
        "--mixed_precision": "bf16",
        "--dynamo_backend": "no",
        "--num_cpu_threads_per_process": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    words = [word for option in (general | FSDP).items() for word in option]
    return [sys.executable, "-m", "accelerate.commands.launch", "--use_fsdp", *words, *module]


def launch(arguments: Sequence[str], num_processes: int) -> int:
    """Run the command in several processes. Returns its exit status; its error is the last line on stderr."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    command = launch_command(arguments, num_processes, on_devices=bool(read_machine().devices))
    with tempfile.TemporaryDirectory(prefix="alignment-") as directory:
        outcome = Path(directory) / "outcome"
        environment = {OUTCOME: str(outcome), "OMP_NUM_THREADS": str(max(1, threads // num_processes))}
        while True:
            outcome.unlink(missing_ok=True)
            status = _run(command, os.environ | environment)
            word = json.loads(outcome.read_text(encoding="utf-8")) if outcome.is_file() else None
            if status and word and word["status"] == START_AGAIN:
                continue
            if status and word:
                sys.stderr.write(word["sentence"] + "\n")
                return int(word["status"])
            return status


def _splits(arguments: argparse.Namespace, count: int) -> bool:
    return count == 1 or arguments.batch_size % count == 0


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    with (
        # What was left open for us on purpose (a lock) stays open as long as the processes are there.
        subprocess.Popen(  # noqa: S603 (no shell; our own command line)
            command, stdin=subprocess.PIPE, env=environment, start_new_session=True, close_fds=False
        ) as process,
        _passed_on(process.send_signal),
    ):
        return process.wait()


@contextmanager
def _passed_on(send: Callable[[int], None]) -> Iterator[None]:
    """Pass a request to stop on, once: the launcher gives its processes time when it comes the first time."""
    requested: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not requested:
            send(signal.SIGTERM)
        requested.append(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
