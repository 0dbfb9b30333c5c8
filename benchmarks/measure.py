"""Loads something and says what came of it: rates and CPU in closed loop, latencies in open loop.

A `Target` is what is loaded. What a call stands for, a decision or 64 of them, and what proves that it really was done,
is said by those in `benchmarks.targets` and `benchmarks.vw_daemon`.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from benchmarks import h2
from benchmarks.processes import Processes, cpu_s, resident_bytes

WARM_UP_S = 0.7
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one run in closed loop showed; of batches, everything is by what is in them.

    Attributes:
        rate: Things done per second: calls, decisions or outcomes.
        done: Things that count: their call ended with OK, and the service knows of them.
        unlogged: Decisions that were answered, but are not in the store because it did not take them in time.
        server_us: CPU microseconds for each, of the server.
        store_us: The same of the store.
        client_us: The same of the load generator.
        server_share: Share of the run in which the server was on a core.
        client_share: Share of the run in which the load generator was on a core.
        resident_bytes: Memory of the server after the run.
    """

    rate: float
    done: int
    unlogged: int
    server_us: float
    store_us: float
    client_us: float
    server_share: float
    client_share: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Latency:
    """What one run in open loop showed: calls per second, and latencies in milliseconds from the intended start.

    Calls that were refused, because more was asked than could be done, have no latency.
    """

    per_second: float
    calls: int
    unlogged: int
    refused: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class Loaded(Protocol):
    """What can be loaded in closed loop."""

    name: str

    def throughput(self, seconds: float, *, warm_up_s: float = WARM_UP_S, pause_s: float = PAUSE_S) -> Throughput:
        """Loads it, after a pause and a warm-up that do not count."""
        ...


class Target:
    """A unary method of a server, to be loaded.

    Attributes:
        name: What it is called in tables.
        method: The gRPC method, as /package.Service/Method.
        processes: Who answers.
        per_call: How many things a call does.
    """

    connections = 4
    in_flight = 16

    def __init__(
        self, name: str, method: str, processes: Processes, messages: Iterator[bytes], per_call: int = 1
    ) -> None:
        """Loads the method of the server in `processes` with these requests."""
        self.name, self.method, self.processes, self.per_call = name, method, processes, per_call
        self._messages = messages

    def message(self) -> bytes:
        """Returns the next request, for those who can send one only."""
        return next(self._messages)

    def throughput(self, seconds: float, *, warm_up_s: float = WARM_UP_S, pause_s: float = PAUSE_S) -> Throughput:
        """Loads the server in closed loop, after a pause and a warm-up that do not count."""
        # While another server on the same core was loaded, this one hardly had a turn; until it has noticed that all is
        # well again, it refuses calls.
        time.sleep(pause_s)
        self.counted(self.closed_loop(warm_up_s))
        server, store = cpu_s(self.processes.server), cpu_s(self.processes.store)
        load = self.closed_loop(seconds)
        server, store = cpu_s(self.processes.server) - server, cpu_s(self.processes.store) - store
        done = self.counted(load)
        return Throughput(
            rate=done / load.wall_s,
            done=done,
            unlogged=load.calls * self.per_call - done,
            server_us=1e6 * server / done,
            store_us=1e6 * store / done,
            client_us=1e6 * load.cpu_s / done,
            server_share=server / load.wall_s,
            client_share=load.cpu_s / load.wall_s,
            resident_bytes=resident_bytes(self.processes.server),
        )

    def latency(self, seconds: float, per_second: float) -> Latency:
        """Loads the server in open loop."""
        load = self.open_loop(seconds, per_second)
        refused = len(load.failures)
        load.failures.clear()
        done = self.counted(load)
        ordered = sorted(load.latencies_s)
        shares = (0.5, 0.9, 0.99, 0.999)
        quantiles = [1e3 * ordered[int(share * len(ordered))] for share in shares]
        unlogged = load.calls * self.per_call - done
        return Latency(done / seconds, load.calls, unlogged, refused, *quantiles, 1e3 * ordered[-1])

    def counted(self, load: h2.Load) -> int:
        """Returns how many things of a run count.

        Raises:
            RuntimeError: A call failed, or none was made.
        """
        if load.failures or not load.calls:
            failed = len(load.failures)
            raise RuntimeError(f"{self.name}: {failed} failed, {load.calls} did not, the first: {load.failures[:1]}")
        return load.calls * self.per_call

    def closed_loop(self, seconds: float) -> h2.Load:
        """Loads the server in closed loop, and counts nothing."""
        return h2.closed_loop(
            self.processes.address,
            self.method,
            self._messages,
            seconds=seconds,
            connections=self.connections,
            in_flight=self.in_flight,
        )

    def open_loop(self, seconds: float, per_second: float) -> h2.Load:
        """Loads the server in open loop, and counts nothing."""
        return h2.open_loop(
            self.processes.address,
            self.method,
            self._messages,
            seconds=seconds,
            connections=self.connections,
            per_second=per_second,
        )
