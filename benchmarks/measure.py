"""Loads the empty call and `Decide`, and proves that every counted decision was made and journaled."""

import time
from dataclasses import dataclass

import grpc

from attune.v1 import decision_service_pb2_grpc, placement_service_pb2_grpc
from attune.v1.decision_service_pb2 import MODE_LEARNED, DecideResponse, GetDecisionRequest
from attune.v1.placement_service_pb2 import (
    ApplyPlacementRequest,
    GetPlacementRequest,
    GetPlacementResponse,
    PlacementStatus,
)
from benchmarks import empty_server, h2, workload
from benchmarks.processes import Processes, cpu_s

DECIDE = "/attune.v1.DecisionService/Decide"
CONNECTIONS = 4
IN_FLIGHT = 16
_WARM_UP_S = 1.0
_LEARNED_S = 60.0
_LEARNING_WINDOW_S = 1
# Long enough that no window closes while decisions are measured: with two cores, the learner and the load generator
# share one, and a busy learner would be measured as a slow service.
_MEASURING_WINDOW_S = 3_600


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one run in closed loop showed.

    Attributes:
        rate: Calls per second.
        calls: Calls that count: they ended with OK and, for decisions, are known to the service.
        unlogged: Decisions that were answered, but are not in the store because it did not take them in time.
        server_us: CPU microseconds per call of the server.
        store_us: CPU microseconds per call of the store.
        client_us: CPU microseconds per call of the load generator.
        server_share: Share of the run in which the server was on a core.
        client_share: Share of the run in which the load generator was on a core.
    """

    rate: float
    calls: int
    unlogged: int
    server_us: float
    store_us: float
    client_us: float
    server_share: float
    client_share: float


@dataclass(frozen=True, slots=True)
class Latency:
    """What one run in open loop showed: calls per second, and latencies in milliseconds from the intended start."""

    per_second: float
    calls: int
    unlogged: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Target:
    """A unary method of a server, to be loaded."""

    method = empty_server.METHOD

    def __init__(self, processes: Processes) -> None:
        """Loads the method of the server in `processes`."""
        self.processes = processes
        self.messages = [b""]

    def throughput(self, seconds: float) -> Throughput:
        """Loads the server in closed loop, after a warm-up that does not count."""
        self.counted(self._closed_loop(_WARM_UP_S))
        server, store = cpu_s(self.processes.server), cpu_s(self.processes.store)
        load = self._closed_loop(seconds)
        server, store = cpu_s(self.processes.server) - server, cpu_s(self.processes.store) - store
        calls = self.counted(load)
        return Throughput(
            rate=calls / load.wall_s,
            calls=calls,
            unlogged=load.calls - calls,
            server_us=1e6 * server / calls,
            store_us=1e6 * store / calls,
            client_us=1e6 * load.cpu_s / calls,
            server_share=server / load.wall_s,
            client_share=load.cpu_s / load.wall_s,
        )

    def latency(self, seconds: float, per_second: float) -> Latency:
        """Loads the server in open loop."""
        load = h2.open_loop(
            self.processes.address,
            self.method,
            self.messages,
            seconds=seconds,
            connections=CONNECTIONS,
            per_second=per_second,
        )
        calls = self.counted(load)
        ordered = sorted(load.latencies_s)
        p50, p99 = (1e3 * ordered[int(share * len(ordered))] for share in (0.5, 0.99))
        return Latency(calls / seconds, calls, load.calls - calls, p50, p99, 1e3 * ordered[-1])

    def counted(self, load: h2.Load) -> int:
        """Returns how many calls of a run count.

        Raises:
            RuntimeError: A call failed, or none was made.
        """
        if load.failures or not load.calls:
            raise RuntimeError(f"{len(load.failures)} of {load.calls} calls failed, the first with {load.failures[:1]}")
        return load.calls

    def _closed_loop(self, seconds: float) -> h2.Load:
        return h2.closed_loop(
            self.processes.address,
            self.method,
            self.messages,
            seconds=seconds,
            connections=CONNECTIONS,
            in_flight=IN_FLIGHT,
        )


class DecideTarget(Target):
    """`Decide` of the running service. After every run the service itself is asked how many decisions it recorded."""

    method = DECIDE

    def __init__(self, processes: Processes, channel: grpc.Channel) -> None:
        """Applies the placement and lets it learn, so that a learned model is measured and not an empty one."""
        super().__init__(processes)
        self.messages = [request.SerializeToString() for request in workload.requests()]
        self._placements = placement_service_pb2_grpc.PlacementServiceStub(channel)
        self._decisions = decision_service_pb2_grpc.DecisionServiceStub(channel)
        self._recorded = 0
        self.version = 0
        self._learn()

    def counted(self, load: h2.Load) -> int:
        """Returns how many decisions of a run the service has recorded; compares the sampled ones with the replies.

        Raises:
            RuntimeError: A call failed, or a sampled decision is not stored as it was answered.
        """
        super().counted(load)
        before, self._recorded = self._recorded, self._status().decisions
        for message in load.samples:
            self._check_sample(DecideResponse.FromString(message))
        return min(self._recorded - before, load.calls)

    def _check_sample(self, reply: DecideResponse) -> None:
        if not reply.logged:
            return
        request = GetDecisionRequest(placement=workload.PLACEMENT, event_id=reply.event_id)
        stored = self._decisions.GetDecision(request).decision
        expected = (self.version or reply.policy_version, MODE_LEARNED, list(stored.choices), workload.OFFERS)
        got = (reply.policy_version, reply.mode, list(reply.choices), len(stored.offers))
        if got != expected:
            raise RuntimeError(f"expected a decision as it is stored, {expected}, got {got}")

    def _learn(self) -> None:
        """Learns from decisions with a short window, then sets the window that is measured with."""
        self._apply(_LEARNING_WINDOW_S)
        self.counted(self._closed_loop(_WARM_UP_S))
        version = self._wait_until_learned()
        self._apply(_MEASURING_WINDOW_S)
        # Every worker follows a changed placement within a second. From here on the samples must be of this version.
        time.sleep(1.0)
        self.version = version

    def _apply(self, window_s: int) -> None:
        self._placements.ApplyPlacement(ApplyPlacementRequest(placement=workload.placement(window_s)))

    def _status(self) -> PlacementStatus:
        reply: GetPlacementResponse = self._placements.GetPlacement(GetPlacementRequest(placement=workload.PLACEMENT))
        return reply.status

    def _wait_until_learned(self) -> int:
        """Waits until a version has learned from every decision; returns it."""
        deadline = time.monotonic() + _LEARNED_S
        while (status := self._status()).learned < self._recorded:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all was learned within {_LEARNED_S} s: {status}")
            time.sleep(0.1)
        return status.policy_version
