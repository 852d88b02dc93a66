import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alignment import devices
from alignment.devices import Device, read_machine

TWO = """\
0, GPU-1f0c8a4e-0000-0000-0000-000000000001, NVIDIA H100 80GB HBM3, 81559, 1024, 37
1, GPU-2b7d6c5f-0000-0000-0000-000000000002, NVIDIA A100-SXM4-40GB, 40960, 0, [N/A]
"""
H100 = Device(
    name="NVIDIA H100 80GB HBM3", memory_bytes=81559 * 2**20, used_bytes=1024 * 2**20, utilisation=37
)
A100 = Device(name="NVIDIA A100-SXM4-40GB", memory_bytes=40960 * 2**20, used_bytes=0, utilisation=None)


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """A machine on whose PATH only what a test puts there can stand, with nothing logged yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices._log_once.cache_clear()


@pytest.fixture
def nvidia_smi(tmp_path):
    """Puts a script on the PATH in place of nvidia-smi."""

    def install(body: str) -> None:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return install


def printing(listing: str) -> str:
    """A script that answers our question alone."""
    question = "--query-gpu=index,uuid,name,memory.total,memory.used,utilization.gpu"
    return (
        f'[ "$*" = "{question} --format=csv,noheader,nounits" ] || exit 3\n'
        f"while IFS= read -r line; do echo \"$line\"; done <<'END'\n{listing}END"
    )


def test_the_devices_are_those_that_nvidia_smi_lists(nvidia_smi):
    nvidia_smi(printing(TWO))

    assert read_machine().devices == (H100, A100)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0", (H100,)),
        ("1, 0", (A100, H100)),
        ("GPU-2b7d6c5f-0000-0000-0000-000000000002", (A100,)),
        ("GPU-2b7", (A100,)),
        ("GPU-", ()),
        ("0,-1,1", (H100,)),
        ("7", ()),
        ("", ()),
    ],
)
def test_only_devices_that_cuda_would_show_this_process_count(nvidia_smi, monkeypatch, visible, expected):
    nvidia_smi(printing(TWO))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert read_machine().devices == expected


def test_a_device_without_memory_of_its_own_has_the_hosts(nvidia_smi):
    nvidia_smi(printing("0, GPU-3, NVIDIA GB10, [N/A], [N/A], 5\n"))

    machine = read_machine()

    (device,) = machine.devices
    assert device.memory_bytes == machine.memory_bytes
    assert device.used_bytes == machine.memory_bytes - machine.available_bytes


def test_a_machine_without_nvidia_smi_has_no_devices():
    assert read_machine().devices == ()


@pytest.mark.parametrize("body", ["exit 9", f"{printing(TWO)}\nexit 15"])
def test_a_failing_nvidia_smi_means_no_devices_and_is_logged_once(nvidia_smi, caplog, body):
    nvidia_smi(body)

    with caplog.at_level(logging.WARNING):
        machines = [read_machine(), read_machine()]

    assert [machine.devices for machine in machines] == [(), ()]
    (record,) = caplog.records
    assert "ended with status" in record.message


def test_a_hanging_nvidia_smi_is_not_waited_for(nvidia_smi, monkeypatch, caplog):
    monkeypatch.setattr(devices, "TIMEOUT_SECONDS", 0.2)
    nvidia_smi("/bin/sleep 3")  # a child of the script, so that killing the script leaves the pipe open

    assert read_machine().devices == ()
    assert "no answer in 0.2 seconds" in caplog.text


def test_the_host_is_told_with_its_cores_and_memory():
    machine = read_machine()

    assert machine.host == os.uname().nodename
    assert machine.num_cpus == len(os.sched_getaffinity(0))
    assert 0 < machine.available_bytes <= machine.memory_bytes
    assert machine.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_looking_at_the_machine_needs_no_torch():
    script = "import sys, alignment.devices; print('torch' in sys.modules)"

    told = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert told.stdout.strip() == "False"
