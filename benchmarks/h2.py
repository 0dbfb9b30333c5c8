"""A load generator for unary gRPC calls that costs the client a few microseconds of CPU per call.

Calls are kept in flight, or started at random times, on connections of `h2_connection`, which speaks just enough
HTTP/2. It is made for `benchmarks/measure.py` and is no general client: it needs requests that fit the server's initial
window, and a server on the same machine.
"""

import itertools
import random
import select
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.h2_connection import STALLED_S, Connection, Load


def closed_loop(
    address: str,
    method: str,
    messages: Iterable[bytes],
    *,
    seconds: float,
    connections: int,
    in_flight: int,
    keeps_to_streams: bool = True,
) -> Load:
    """Keeps calls in flight: as one ends, the next starts.

    Args:
        address: The server, as host:port.
        method: The gRPC method, as /package.Service/Method.
        messages: Serialised requests, sent in turn: a sequence again and again, an iterator as far as it goes.
        seconds: For how long calls are started; the last ones are waited for.
        connections: HTTP/2 connections.
        in_flight: Calls in flight per connection.
        keeps_to_streams: Whether calls wait when the server takes no more at a time, as every client lets them.

    Returns:
        What came of it.
    """
    load = Load()
    bodies = _endless(messages)
    peers = [Connection(address, method, load, keeps_to_streams=keeps_to_streams) for _ in range(connections)]
    with _measured(load, peers) as began:
        for peer in peers:
            peer.start([(began, body) for body in itertools.islice(bodies, in_flight)])
        while busy := [peer for peer in peers if peer.open]:
            for peer in _readable(busy, STALLED_S):
                ended = peer.receive()
                now = time.perf_counter()
                if now - began < seconds:
                    peer.start([(now, body) for body in itertools.islice(bodies, ended)])
    return load


def open_loop(
    address: str, method: str, messages: Iterable[bytes], *, seconds: float, connections: int, per_second: float
) -> Load:
    """Starts calls at random times that do not depend on how fast the server answers (a Poisson process).

    Args:
        address: The server, as host:port.
        method: The gRPC method, as /package.Service/Method.
        messages: Serialised requests, sent in turn: a sequence again and again, an iterator as far as it goes.
        seconds: For how long calls are started; the last ones are waited for.
        connections: HTTP/2 connections, used in turn.
        per_second: Mean rate of the starts.

    Returns:
        What came of it; latencies count from the intended start, so a client that is late counts against the server.
    """
    load = Load()
    bodies = _endless(messages)
    peers = [Connection(address, method, load) for _ in range(connections)]
    turns = itertools.cycle(peers)
    with _measured(load, peers) as began:
        starts = _arrivals(began, seconds, per_second)
        due = next(starts, None)
        while due is not None or any(peer.open for peer in peers):
            while due is not None and due <= time.perf_counter():
                next(turns).start([(due, next(bodies))])
                due = next(starts, None)
            patience = STALLED_S if due is None else max(0.0, due - time.perf_counter())
            for peer in _readable(peers, patience, may_stall=due is not None):
                peer.receive()
    return load


@contextmanager
def _measured(load: Load, peers: Sequence[Connection]) -> Iterator[float]:
    """Writes wall and CPU time of the block into `load`, and closes the connections. Gives the start."""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        yield began
    finally:
        load.wall_s, load.cpu_s = time.perf_counter() - began, time.process_time() - cpu
        for peer in peers:
            peer.close()


def _endless(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Returns what comes next; of an iterator nothing is kept: it may go on for ever."""
    return itertools.cycle(messages) if isinstance(messages, Sequence) else iter(messages)


def _arrivals(began: float, seconds: float, per_second: float) -> Iterator[float]:
    """Yields the times of a Poisson process, the same at every run."""
    rng = random.Random(20_190_627)  # noqa: S311  # draws times, keeps no secret
    at = began
    while (at := at + rng.expovariate(per_second)) < began + seconds:
        yield at


def _readable(peers: Sequence[Connection], timeout_s: float, *, may_stall: bool = False) -> list[Connection]:
    """Waits for connections that have something to read. `select` because `epoll` rounds waits up to 1 ms."""
    ready, _, _ = select.select(peers, (), (), timeout_s)
    if not ready and not may_stall:
        raise TimeoutError(f"nothing came from the server for {timeout_s} s, {sum(p.open for p in peers)} calls open")
    return ready
