"""The methods of the running service that are loaded, and the proof that each counted thing was done and is stored."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import grpc

from attune.v1 import (
    catalog_service_pb2_grpc,
    decision_service_pb2_grpc,
    placement_service_pb2_grpc,
)
from attune.v1.catalog_service_pb2 import PutOffersRequest
from attune.v1.decision_service_pb2 import (
    MODE_LEARNED,
    DecideBatchResponse,
    DecideRequest,
    DecideResponse,
    GetDecisionRequest,
)
from attune.v1.placement_pb2 import Guardrails
from attune.v1.placement_service_pb2 import ApplyPlacementRequest, GetPlacementRequest, PlacementStatus
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, RecordOutcomesResponse
from benchmarks import empty_server, h2, workload
from benchmarks.measure import Target
from benchmarks.processes import Processes

DECIDE = "/attune.v1.DecisionService/Decide"
DECIDE_BATCH = "/attune.v1.DecisionService/DecideBatch"
RECORD_OUTCOMES = "/attune.v1.RewardService/RecordOutcomes"
_LEARNED_S = 60.0
_LEARNING_S = 0.4
_LEARNING_WINDOW_S = 1
# Long enough that no window closes while decisions are measured: with two cores, the learner and the load generator
# share one, and a busy learner would be measured as a slow service.
_MEASURING_WINDOW_S = 7_200
_EVENTS = 32_768
_TRIES = 5
# Workers look five times a second for what was applied or put, and no call says whether all have seen it: whoever asks
# is answered by any of them. So that nothing else is measured, each gets the time of several looks, and to encode.
_APPLIED_S = 1.0
_PUT_S = 1.5
_LOOK_S = 0.1
_CHECKED = 10  # decisions of a sampled batch
_MOST_PUT = 500
_MANY = 200  # from more offers than that on, a lesson takes so long that fewer have to do


@dataclass(frozen=True, slots=True)
class Asked:
    """What decisions are asked for: a placement, and among how many offers."""

    placement: str
    n_offers: int


class Service:
    """The running service, as its users see it.

    Attributes:
        processes: Its server and its store.
    """

    def __init__(self, processes: Processes, channel: grpc.Channel) -> None:
        """Speaks to a service."""
        self.processes = processes
        self._placements = placement_service_pb2_grpc.PlacementServiceStub(channel)
        self._catalogue = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        self._decisions = decision_service_pb2_grpc.DecisionServiceStub(channel)

    def status(self, placement: str) -> PlacementStatus:
        """Returns what the service says about a placement."""
        status: PlacementStatus = self._placements.GetPlacement(GetPlacementRequest(placement=placement)).status
        return status

    def apply(self, placement: str, window_s: int = _MEASURING_WINDOW_S, guardrails: Guardrails | None = None) -> None:
        """Applies a placement, with a window that no measurement outlasts; returns when every worker has seen it."""
        applied = workload.placement(placement, window_s)
        if guardrails is not None:
            applied.guardrails.CopyFrom(guardrails)
        self._placements.ApplyPlacement(ApplyPlacementRequest(placement=applied))
        time.sleep(_APPLIED_S)

    def put_catalogue(self) -> None:
        """Puts the catalogue in; returns when every worker has it."""
        offers = workload.catalogue()
        for first in range(0, len(offers), _MOST_PUT):
            self._catalogue.PutOffers(PutOffersRequest(offers=offers[first : first + _MOST_PUT]))
        time.sleep(_PUT_S)

    def wait_until_learned(self, placement: str, n_decisions: int) -> int:
        """Waits until a version has learned from so many decisions; returns it.

        Raises:
            RuntimeError: It has not within a minute.
        """
        deadline = time.monotonic() + _LEARNED_S
        while (status := self.status(placement)).learned < n_decisions:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{placement}: not all was learned within {_LEARNED_S} s: {status}")
            time.sleep(_LOOK_S)  # no call waits for it: it is asked for
        return status.policy_version

    def probabilities(self, request: DecideRequest) -> dict[str, float]:
        """Makes a decision; returns the probability with which each offer could have been drawn, by id."""
        reply = self._decisions.Decide(request)
        stored = self._decisions.GetDecision(GetDecisionRequest(placement=request.placement, event_id=reply.event_id))
        return {eligible.offer.id: eligible.probability for eligible in stored.decision.offers}

    def check(self, asked: Asked, reply: DecideResponse, version: int) -> None:
        """Compares an answer with what is stored.

        Raises:
            RuntimeError: They differ, or another version decided.
        """
        if not reply.logged:
            return
        stored = self._decisions.GetDecision(
            GetDecisionRequest(placement=asked.placement, event_id=reply.event_id)
        ).decision
        expected = (version, MODE_LEARNED, list(stored.choices), asked.n_offers)
        got = (reply.policy_version, reply.mode, list(reply.choices), len(stored.offers))
        if got != expected:
            raise RuntimeError(f"{asked.placement}: expected a decision as it is stored, {expected}, got {got}")


class DecideTarget(Target):
    """`Decide` or `DecideBatch`. After every run the service itself is asked how many decisions it recorded."""

    def __init__(self, name: str, method: str, service: Service, asked: Asked, messages: Iterator[bytes]) -> None:
        """Loads a placement that has learned; see `learn`."""
        is_batch = method == DECIDE_BATCH
        super().__init__(name, method, service.processes, messages, workload.BATCH if is_batch else 1)
        self._replies: Callable[[bytes], Sequence[DecideResponse]] = _of_batch if is_batch else _of_one
        self._service, self._asked, self._placement = service, asked, asked.placement
        self._recorded = service.status(asked.placement).decisions
        self._version = service.status(asked.placement).policy_version
        if is_batch:
            # As many decisions at a time as a pipelining client of the daemon has under way.
            self.connections, self.in_flight = 2, 4

    def counted(self, load: h2.Load) -> int:
        """Returns how many decisions of a run the service has recorded; compares the sampled ones with the replies.

        Raises:
            RuntimeError: A call failed, or a sampled decision is not stored as it was answered.
        """
        super().counted(load)
        recorded = self._service.status(self._placement).decisions
        before, self._recorded = self._recorded, recorded
        for message in load.samples:
            for reply in self._replies(message)[:_CHECKED]:
                self._service.check(self._asked, reply, self._version)
        return min(recorded - before, load.calls * self.per_call)

    def closed_loop(self, seconds: float) -> h2.Load:
        """Loads the server in closed loop; decisions that others made before do not count."""
        self._recorded = self._service.status(self._placement).decisions
        return super().closed_loop(seconds)

    def open_loop(self, seconds: float, per_second: float) -> h2.Load:
        """Loads the server in open loop; decisions that others made before do not count."""
        self._recorded = self._service.status(self._placement).decisions
        return super().open_loop(seconds, per_second)


class OutcomesTarget(Target):
    """`RecordOutcomes`, of decisions that are in the store: see `named_decisions`. The service counts them as well."""

    def __init__(self, name: str, service: Service, batch: int) -> None:
        """Loads with calls of so many outcomes."""
        super().__init__(name, RECORD_OUTCOMES, service.processes, workload.outcomes(_EVENTS, batch, name), batch)
        self._recorded = 0
        self._service, self._placement = service, workload.by_catalogue(min(workload.SIZES))
        if batch > 1:
            self.connections, self.in_flight = 2, 4

    def counted(self, load: h2.Load) -> int:
        """Returns how many outcomes of a run are in the store.

        Raises:
            RuntimeError: A call failed, or a sampled outcome was not accepted.
        """
        super().counted(load)
        for message in load.samples:
            statuses = {receipt.status for receipt in RecordOutcomesResponse.FromString(message).receipts}
            if statuses != {OUTCOME_STATUS_ACCEPTED}:
                raise RuntimeError(f"{self.name}: expected outcomes to be accepted, got {statuses}")
        before, self._recorded = self._recorded, self._service.status(self._placement).outcomes
        return min(self._recorded - before, load.calls * self.per_call)

    def closed_loop(self, seconds: float) -> h2.Load:
        """Loads the server in closed loop; outcomes that came before do not count."""
        self._recorded = self._service.status(self._placement).outcomes
        return super().closed_loop(seconds)


def empty(processes: Processes) -> Target:
    """Returns the call that does nothing."""
    return Target("empty call", empty_server.METHOD, processes, iter(lambda: b"", None))


def learn(service: Service, asked: Asked, messages: Iterator[bytes], guardrails: Guardrails | None = None) -> None:
    """Applies a placement and lets it learn, so that a learned model is measured and not an empty one."""
    placement = asked.placement
    service.apply(placement, _LEARNING_WINDOW_S, guardrails)
    warm_up = Target(f"learning {placement}", DECIDE, service.processes, messages)
    warm_up.counted(warm_up.closed_loop(_LEARNING_S if asked.n_offers <= _MANY else _LEARNING_S / 4))
    service.wait_until_learned(placement, service.status(placement).decisions)
    service.apply(placement, guardrails=guardrails)


def name_decisions(service: Service) -> None:
    """Makes the decisions that outcomes are for; asking again for those that are in the store changes nothing.

    Raises:
        RuntimeError: The store does not take all of them, however often they are asked for.
    """
    placement = workload.by_catalogue(min(workload.SIZES))
    wanted = service.status(placement).decisions + _EVENTS
    for _ in range(_TRIES):
        messages = workload.named_batches(_EVENTS)
        target = Target("decisions with outcomes", DECIDE_BATCH, service.processes, messages, workload.BATCH)
        target.connections, target.in_flight = 2, 4
        target.counted(target.closed_loop(_LEARNED_S))
        if service.status(placement).decisions >= wanted:
            return
    raise RuntimeError(f"expected {_EVENTS} decisions for outcomes in the store after {_TRIES} tries")


def _of_one(message: bytes) -> Sequence[DecideResponse]:
    return [DecideResponse.FromString(message)]


def _of_batch(message: bytes) -> Sequence[DecideResponse]:
    results = DecideBatchResponse.FromString(message).results
    if failed := [result.error for result in results if not result.HasField("decision")]:
        raise RuntimeError(f"{len(failed)} of {len(results)} decisions of a batch failed, the first with {failed[0]}")
    return [result.decision for result in results]
