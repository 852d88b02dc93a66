"""Machines of a test, as far as the network can tell: each in a namespace of its own, with its own name."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HUB = "10.203.0.1"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """inside: the words before a command that runs there; address: how the other machines reach it."""

    inside: tuple[str, ...]
    address: str


@contextmanager
def machines(*names: str) -> Iterator[dict[str, Machine] | None]:
    """The first is the hub that the others are wired to. None where no namespaces can be made here."""
    made = {name: f"polyreward-{os.getpid()}-{name}" for name in names}
    try:
        yield _wired(made) if os.getuid() == 0 and shutil.which("ip") else None
    finally:
        if os.getuid() == 0 and shutil.which("ip"):
            for namespace in made.values():
                _ip("netns", "delete", namespace, must=False)


def _wired(made: dict[str, str]) -> dict[str, Machine] | None:
    try:
        for namespace in made.values():
            _ip("netns", "add", namespace)
        return _wire(made)
    except subprocess.CalledProcessError:
        return None


def _wire(made: dict[str, str]) -> dict[str, Machine]:
    (hub, hub_namespace), *others = made.items()
    _ip("-n", hub_namespace, "link", "add", "wires", "type", "bridge")
    _ip("-n", hub_namespace, "address", "add", f"{HUB}/24", "dev", "wires")
    _up(hub_namespace, "lo", "wires")
    found = {hub: Machine(inside=_inside(hub, hub_namespace), address=HUB)}
    for number, (name, namespace) in enumerate(others, start=2):
        address, wire = HUB.replace(".0.1", f".0.{number}"), f"wire{number}"
        peer = ["peer", "name", "eth0", "netns", namespace]
        _ip("-n", hub_namespace, "link", "add", wire, "type", "veth", *peer)
        _ip("-n", hub_namespace, "link", "set", wire, "master", "wires")
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        _up(hub_namespace, wire)
        _up(namespace, "lo", "eth0")
        found[name] = Machine(inside=_inside(name, namespace), address=address)
    return found


def _inside(name: str, namespace: str) -> tuple[str, ...]:
    renamed = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name)
    return ("ip", "netns", "exec", namespace, *renamed)


def _up(namespace: str, *links: str) -> None:
    for link in links:
        _ip("-n", namespace, "link", "set", link, "up")


def _ip(*words: str, must: bool = True) -> None:
    subprocess.run(["ip", *words], check=must, capture_output=True)  # noqa: S603, S607
