"""What overload does to those that are served: `python -m benchmarks.overload`.

The real service is loaded with `Decide` (10 inline offers) by a fleet of connections: first in closed loop, which says
what it can do at most, then in open loop with shares and multiples of that. A table goes to the output; nothing is
written. `--seconds 60` is the minute that docs/overload.md speaks of. Linux only.
"""

import argparse
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grpc
from tests.support.service import RunningService

from attune.settings import ServerSettings
from attune.v1.placement_service_pb2 import ApplyPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from benchmarks import h2, machine, workload
from benchmarks.processes import cpu_s, pin_apart
from benchmarks.targets import DECIDE

FLEET = 32
UNLOADED, OVERLOADED = 0.5, 3.0
_MAX_QUEUE = ServerSettings().max_queue
_WARM_UP_S = 1.0
_NO_WINDOW_CLOSES_S = 3_600
_STATUS = re.compile(r"grpc-status\\x0\d(\d+)")
_REFUSED_STREAM = "RST_STREAM 00000007"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run showed.

    Attributes:
        served: Calls per second that were answered.
        refused: Calls per second that were refused, by the name of the status code.
        p50_ms: Median latency of those that were served, from the intended start, in milliseconds.
        p99_ms: Their 99th percentile.
        max_ms: The longest.
        server_share: Share of a core that the server used.
        client_share: Share of a core that the load generator used.
    """

    served: float
    refused: dict[str, float]
    p50_ms: float
    p99_ms: float
    max_ms: float
    server_share: float
    client_share: float


def outcome(failure: str) -> str:
    """Return the name of the status that a call of `benchmarks.h2` failed with."""
    if failure == _REFUSED_STREAM:
        return "REFUSED_STREAM"
    found = _STATUS.search(failure)
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    return names[int(found[1])] if found else "UNKNOWN"


def seen(load: h2.Load, seconds: float, server_s: float) -> Seen:
    """Sum a run up.

    Args:
        load: What came of it.
        seconds: For how long calls were started.
        server_s: CPU seconds that the server used.
    """
    ordered = sorted(load.latencies_s)
    p50, p99 = (1e3 * ordered[int(share * len(ordered))] for share in (0.5, 0.99))
    refused = {name: count / seconds for name, count in Counter(map(outcome, load.failures)).items()}
    shares = server_s / load.wall_s, load.cpu_s / load.wall_s
    return Seen(load.calls / seconds, refused, p50, p99, 1e3 * ordered[-1], *shares)


class Overloaded:
    """The service under load."""

    def __init__(self, address: str, server: int, messages: Iterable[bytes]) -> None:
        """Load the service at this address, whose server has this process id, with these requests in turn."""
        self._address = address
        self._server = server
        self._messages = messages

    def most(self, seconds: float) -> float:
        """Return how many decisions a second it makes in closed loop."""
        run = {"connections": 4, "in_flight": 8}
        h2.closed_loop(self._address, DECIDE, self._messages, seconds=_WARM_UP_S, **run)
        return h2.closed_loop(self._address, DECIDE, self._messages, seconds=seconds, **run).rate

    def under(self, per_second: float, seconds: float) -> Seen:
        """Load it in open loop."""
        before = cpu_s(self._server)
        load = h2.open_loop(
            self._address, DECIDE, self._messages, seconds=seconds, connections=FLEET, per_second=per_second
        )
        return seen(load, seconds, cpu_s(self._server) - before)


def row(name: str, per_second: float, run: Seen) -> str:
    """Return a row of the table."""
    refused = ", ".join(f"{rate:,.0f} {code}" for code, rate in sorted(run.refused.items())) or "0"
    return (
        f"| {name} | {per_second:,.0f} | {run.served:,.0f} | {refused} | {run.p50_ms:.1f} | {run.p99_ms:.1f} | "
        f"{run.max_ms:.1f} | {run.server_share:.0%} | {run.client_share:.0%} |"
    )


def measure(service: RunningService, seconds: float) -> None:
    """Load a service and print what it showed."""
    pids = service.children()
    with grpc.insecure_channel(service.address) as channel:
        PlacementServiceStub(channel).ApplyPlacement(
            ApplyPlacementRequest(placement=workload.placement(workload.INLINE, _NO_WINDOW_CLOSES_S))
        )
    for name, value in machine.describe(pids["store"]).items():
        print(f"- {name}: {value}")
    print(f"- cores: {pin_apart([pids['server']], [service.pid, pids['store'], pids['learner'], os.getpid()])}\n")
    messages = workload.ever_other(workload.inline_requests(), workload.days())
    loaded = Overloaded(service.address, pids["server"], messages)
    most = loaded.most(min(seconds, 5.0))
    print(
        f"At most {most:,.0f} decisions a second in closed loop. Open loop, {FLEET} connections, {seconds:g} s a row:\n"
    )
    print("| load | asked/s | served/s | refused/s | p50 ms | p99 ms | max ms | server busy | client busy |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    unloaded = loaded.under(UNLOADED * most, seconds)
    print(row(f"{UNLOADED:.0%}", UNLOADED * most, unloaded), flush=True)
    overloaded = loaded.under(OVERLOADED * most, seconds)
    print(row(f"{OVERLOADED:.0%}", OVERLOADED * most, overloaded), flush=True)
    after = loaded.under(UNLOADED * most, seconds)
    print(row(f"{UNLOADED:.0%} again", UNLOADED * most, after), flush=True)
    ratio = overloaded.p99_ms / unloaded.p99_ms
    print(f"\np99 of those that are served, overloaded / unloaded: asked at most 2.0, measured {ratio:.2f}")


def main() -> None:
    """Start the service, load it, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a row (default 10)")
    parser.add_argument("--max-queue", type=int, default=_MAX_QUEUE, help=f"server.max_queue (default {_MAX_QUEUE})")
    arguments = parser.parse_args()
    print(f"server.max_queue: {arguments.max_queue}\n")
    env = {"ATTUNE__SERVER__MAX_QUEUE": str(arguments.max_queue)}
    with (
        tempfile.TemporaryDirectory(prefix="attune-bench-") as directory,
        RunningService(Path(directory), env=env) as service,
    ):
        measure(service, arguments.seconds)


if __name__ == "__main__":
    main()
