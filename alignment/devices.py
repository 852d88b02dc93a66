"""What a machine has to compute with, found without torch: the site and Celery's own process ask too."""

import logging
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
QUERY = "index,uuid,name,memory.total,memory.used,utilization.gpu"
MEBIBYTE = 2**20
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """An accelerator. utilisation: percent of the last moment in which it computed; None where untold."""

    name: str
    memory_bytes: int
    used_bytes: int
    utilisation: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What this process may use: cores, the host's memory (all of it, and what is free), accelerators.

    devices: in the order in which CUDA numbers them for this process.
    """

    host: str
    num_cpus: int
    memory_bytes: int
    available_bytes: int
    devices: tuple[Device, ...]


class _Listed(NamedTuple):
    number: str
    uuid: str
    device: Device


def read_machine() -> Machine:
    """Look now. Devices are those that nvidia-smi lists and CUDA_VISIBLE_DEVICES leaves to this process."""
    total, available = _host_memory()
    listed = [_parsed(line, total, available) for line in _nvidia_smi().splitlines() if line.strip()]
    return Machine(
        host=os.uname().nodename,
        num_cpus=len(os.sched_getaffinity(0)),
        memory_bytes=total,
        available_bytes=available,
        devices=_visible(listed, os.environ.get("CUDA_VISIBLE_DEVICES")),
    )


def _host_memory() -> tuple[int, int]:
    """Total and available bytes."""
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="ascii").splitlines())
    total, available = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total, available


def _nvidia_smi() -> str:
    """What it prints; "" where there is none, or where it fails or hangs, which is logged once."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        _log_once(logging.INFO, "There is no nvidia-smi here, so no accelerator is used.")
        return ""
    try:
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        _abandon(process)
        _log_once(
            logging.WARNING,
            f"nvidia-smi gave no answer in {TIMEOUT_SECONDS:g} seconds, so no accelerator is used.",
        )
        return ""
    if process.returncode:
        _log_once(
            logging.WARNING, f"nvidia-smi ended with status {process.returncode}, so no accelerator is used."
        )
        return ""
    return output


def _abandon(process: subprocess.Popen[str]) -> None:
    """Kill it, but wait no longer: with a broken driver it may sleep where no signal reaches it."""
    process.kill()
    if process.stdout is not None:
        process.stdout.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)


@cache
def _log_once(level: int, message: str) -> None:
    logger.log(level, message)


def _parsed(line: str, host_total: int, host_available: int) -> _Listed:
    """A device without memory of its own (a Grace Blackwell) tells none: it has the host's."""
    number, uuid, name, total, used, utilisation = (part.strip() for part in line.split(","))
    shared = not total.isdecimal()
    device = Device(
        name=name,
        memory_bytes=host_total if shared else int(total) * MEBIBYTE,
        used_bytes=host_total - host_available if shared else int(used) * MEBIBYTE,
        utilisation=int(utilisation) if utilisation.isdecimal() else None,
    )
    return _Listed(number, uuid, device)


def _visible(listed: list[_Listed], wanted: str | None) -> tuple[Device, ...]:
    """As CUDA reads the variable: numbers or beginnings of UUIDs, up to the first that names no device."""
    if wanted is None:
        return tuple(one.device for one in listed)
    chosen: list[Device] = []
    for name in wanted.split(","):
        named = [one.device for one in listed if _is_named(one, name.strip())]
        if len(named) != 1:
            break
        chosen += named
    return tuple(chosen)


def _is_named(one: _Listed, name: str) -> bool:
    return name == one.number or (name.startswith("GPU-") and one.uuid.startswith(name))
