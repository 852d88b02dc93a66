"""Which workers a machine gets, and what each may see of it."""

import pytest
from django.core.management import CommandError, call_command

from alignment.devices import Device, Machine
from annotate.management import programs
from annotate.management.programs import workers_here

GPU = Device(name="NVIDIA L4", memory_bytes=24, used_bytes=0, utilisation=0)


@pytest.fixture
def machine_with(monkeypatch):
    """Give this machine so many accelerators."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def equip(num_devices: int) -> None:
        machine = Machine(
            host="lab", num_cpus=8, memory_bytes=64, available_bytes=32, devices=(GPU,) * num_devices
        )
        monkeypatch.setattr(programs, "read_machine", lambda: machine)

    return equip


def started(queues=programs.QUEUES):
    """Name, queues and visible accelerators of each worker."""
    found = []
    for worker in workers_here(queues):
        words = list(worker.arguments)
        listens = words[words.index("--queues") + 1]
        found.append((worker.name, listens, worker.environment.get("CUDA_VISIBLE_DEVICES")))
    return found


def test_a_machine_without_an_accelerator_has_one_worker_for_everything(machine_with):
    machine_with(0)

    assert started() == [("worker", "cpu,gpu", None)]
    assert started(["gpu"]) == [("worker", "gpu", None)]


def test_each_accelerator_has_a_worker_of_its_own_and_the_cpu_another(machine_with):
    machine_with(2)

    assert started() == [("gpu0", "gpu", "0"), ("gpu1", "gpu", "1"), ("cpu", "cpu", "")]


def test_a_queue_that_was_not_asked_for_has_no_worker(machine_with):
    machine_with(2)

    assert started(["gpu"]) == [("gpu0", "gpu", "0"), ("gpu1", "gpu", "1")]
    assert started(["cpu"]) == [("cpu", "cpu", "")]


def test_only_the_accelerators_that_we_may_use_are_given_on(machine_with, monkeypatch):
    machine_with(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-8932f937")

    assert started(["gpu"]) == [("gpu0", "gpu", "5"), ("gpu1", "gpu", "GPU-8932f937")]


def test_accelerators_are_numbered_as_they_are_listed(machine_with):
    machine_with(1)

    assert workers_here(["gpu"])[0].environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_an_unknown_queue_is_refused_by_name():
    with pytest.raises(CommandError, match="no queue 'tpu'; choose among cpu, gpu"):
        call_command("work", "--queues", "cpu,tpu")
