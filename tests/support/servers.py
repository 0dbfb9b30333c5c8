"""Real servers for tests: the embedded Valkey, a Redis from PATH, a Cluster of it, and one that Sentinel watches.

Each is a context manager that yields a URL for attune and stops what it started. Servers are bound to the life of the
test process and keep their files in a directory of their own.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from attune.process import bound
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore

_READY_S = 20.0
_SLOTS = 16384
_IN_A_CLUSTER = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
_SENTINEL_PASSWORD = "not-for-you"
_NO_SERVER = "no redis-server on PATH: apt-get install redis-server"


def redis_server() -> str:
    """The path of the redis-server to run; where there is none, the test is skipped and says so."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip(_NO_SERVER)
    return found


def free_port() -> int:
    """Find a port that nobody listens on, low enough that the cluster bus (10,000 higher) has one, too."""
    for _ in range(100):
        with closing(socket.socket()) as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        if port < 55_000:
            with closing(socket.socket()) as other:
                if other.connect_ex(("127.0.0.1", port + 10_000)) != 0:
                    return port
    raise AssertionError("no free port")


@dataclass(slots=True)
class Server:
    """A server process.

    Attributes:
        port: Where it listens on 127.0.0.1; 0 without TCP in the clear.
        process: The process.
        directory: Its files; `log` is what it says.
    """

    port: int
    process: subprocess.Popen[bytes]
    directory: Path

    def client(self, **options: Any) -> redis.Redis:
        """A client of exactly this server."""
        return redis.Redis(port=self.port, socket_timeout=5, **options)

    def kill(self) -> None:
        """End it without asking."""
        self.process.kill()
        self.process.wait()


@contextmanager
def server(directory: Path, *options: str, port: int | None = None) -> Iterator[Server]:
    """A redis-server on a free port, with nothing on the disk but its log and what the options ask for."""
    program = redis_server()
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port() if port is None else port
    command = [program, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(bound(command), stdout=log, stderr=log)
    running = Server(port, process, directory)
    try:
        if port:
            wait_until(lambda: _listens(port), f"redis-server, see {directory}/log")
        yield running
    finally:
        running.kill()


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """The embedded server of the wheel, whatever the machine has."""
    embedded = EmbeddedStore(directory)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", "")  # what is there would be preferred
        url = embedded.start(give_up=lambda: False)
    yield url
    embedded.stop()


@contextmanager
def single(directory: Path) -> Iterator[str]:
    """One redis-server."""
    with server(directory) as one:
        yield f"redis://127.0.0.1:{one.port}"


@dataclass(slots=True)
class Cluster:
    """A cluster without replicas."""

    nodes: list[Server] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Names all nodes but the last: that one has to be found."""
        seeds = self.nodes[: max(1, len(self.nodes) - 1)]
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in seeds)

    def owner(self, key: str) -> Server:
        """The node that has a key."""
        slot = self.slot(key)
        ranges = self.nodes[0].client().execute_command("CLUSTER SLOTS")
        [port] = [owner[1] for first, last, owner, *_ in ranges if first <= slot <= last]
        return next(node for node in self.nodes if node.port == port)

    def slot(self, key: str) -> int:
        """The slot of a key."""
        return int(self.nodes[0].client().execute_command("CLUSTER KEYSLOT", key))


@contextmanager
def cluster(directory: Path, n_nodes: int) -> Iterator[Cluster]:
    """A cluster of this many servers."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                server(directory / str(n), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
            )
            for n in range(n_nodes)
        ]
        for n, node in enumerate(nodes):
            first, last = _SLOTS * n // n_nodes, _SLOTS * (n + 1) // n_nodes - 1
            node.client().execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            if n:
                node.client().execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
                nodes[0].client().execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        for node in nodes:
            wait_until(lambda node=node: _knows_all(node), "the cluster to agree")
        yield Cluster(nodes)


def _knows_all(node: Server) -> bool:
    info = node.client().execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok" and info["cluster_slots_assigned"] == str(_SLOTS)


@dataclass(slots=True)
class Watched:
    """A master and a replica that one Sentinel watches, under the name `shop`."""

    master: Server
    replica: Server
    sentinel: Server

    @property
    def url(self) -> str:
        """For attune; the first Sentinel it names does not exist, the second one has a password."""
        return (
            f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.sentinel.port}/shop?sentinel_password={_SENTINEL_PASSWORD}"
        )

    def ask(self) -> redis.Redis:
        """A client of the Sentinel."""
        return self.sentinel.client(password=_SENTINEL_PASSWORD)

    def is_settled(self) -> bool:
        """Whether the Sentinel knows the replica, and the replica has the master's data."""
        [[_, master]] = self.ask().sentinel_masters().items()
        return master["num-slaves"] == 1 and self.replica.client().info("replication")["master_link_status"] == "up"


@contextmanager
def watched(directory: Path) -> Iterator[Watched]:
    """A master, a replica and a Sentinel that calls the master dead after half a second."""
    with ExitStack() as stack:
        master = stack.enter_context(server(directory / "master", "--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(server(directory / "replica", "--replicaof", "127.0.0.1", str(master.port)))
        config = directory / "sentinel.conf"
        config.write_text(
            f"requirepass {_SENTINEL_PASSWORD}\nsentinel monitor shop 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 3000\n"
        )
        sentinel = stack.enter_context(server(directory / "sentinel", str(config), "--sentinel"))
        every = Watched(master, replica, sentinel)
        # It looks for replicas every ten seconds; told again, it looks at once.
        wait_until(every.is_settled, "the Sentinel to know the replica")
        yield every


def certificates(directory: Path) -> Path:
    """Make a CA (`ca.pem`) and a certificate for 127.0.0.1 (`server.pem`, `server.key`) with openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on PATH: apt-get install openssl")
    directory.mkdir(parents=True, exist_ok=True)
    new = [openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-x509", "-days", "2"]
    ca = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=attune test CA"]
    _run([*new, *ca], directory)
    leaf = [
        "-keyout",
        "server.key",
        "-out",
        "server.pem",
        "-subj",
        "/CN=store",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    _run([*new, *leaf, "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"], directory)
    return directory


def _run(command: Sequence[str], directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=60)


@contextmanager
def secured(directory: Path) -> Iterator[str]:
    """A redis-server that speaks TLS only, to the user `attune` with a password that has to be escaped."""
    made, port = certificates(directory / "certificates"), free_port()
    options = [
        *("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(made / "ca.pem")),
        *("--tls-cert-file", str(made / "server.pem"), "--tls-key-file", str(made / "server.key")),
        *("--user", "default", "off", "--user", "attune", "on", ">p@ss/word", "~*", "+@all"),
    ]
    with server(directory / "server", *options, port=0):
        url = f"rediss://attune:p%40ss%2Fword@127.0.0.1:{port}/2?ssl_ca_certs={made / 'ca.pem'}"
        wait_until(lambda: _listens(port), "TLS")
        yield url


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = _READY_S) -> None:
    """Ask again and again until the answer is true; an error of the client is no answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if condition():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)


async def every_key(store: Store) -> list[bytes]:
    """Every key of a store, on whatever server of a cluster it lives."""
    everywhere = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(store.redis, RedisCluster) else {}
    return sorted(await store.redis.keys("*", **everywhere))
