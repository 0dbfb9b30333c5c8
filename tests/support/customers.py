"""Customers in a thread: they decide and report outcomes over gRPC, and remember every acknowledgement.

What was not acknowledged (the call failed, or `logged` was false) may or may not have happened and is not remembered.
"""

import itertools
import random
import threading
from dataclasses import dataclass, field

import grpc

from attune.v1 import reward_service_pb2 as rewards
from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.features_pb2 import Offer
from attune.v1.reward_service_pb2_grpc import RewardServiceStub

# CANCELLED is what grpc answers to calls that arrive while it stops.
EXPECTED_WHILE_KILLED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}
OFFERS = [Offer(id=f"offer-{i}") for i in range(5)]


@dataclass(slots=True)
class Acknowledged:
    """What the service has promised.

    Attributes:
        decisions: event_id -> the answer.
        outcomes: (event_id, outcome_id) -> the value.
        failed: Calls that were not acknowledged.
    """

    decisions: dict[str, DecideResponse] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], float] = field(default_factory=dict)
    failed: int = 0


class Customers:
    """Traffic on one placement."""

    def __init__(self, address: str, placement: str, seed: int, pause_s: float = 0.0) -> None:
        """Prepare traffic against an address; `start` starts it.

        Args:
            address: Where the service listens.
            placement: What is decided about.
            seed: Decides who comes and what they do.
            pause_s: Seconds between one visit and the next. Without a pause nearly every moment has a call in flight,
                and two processes are busy.
        """
        self.acknowledged = Acknowledged()
        self._pause_s = pause_s
        self._placement = placement
        self._random = random.Random(seed)
        self._seed = seed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[address])

    def start(self) -> None:
        """Start the traffic."""
        self._thread.start()

    def stop(self) -> Acknowledged:
        """Stop the traffic and return what was acknowledged."""
        self._stop.set()
        self._thread.join()
        return self.acknowledged

    def _run(self, address: str) -> None:
        # Short delays before connecting again: the service comes back within a second.
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        with grpc.insecure_channel(address, options=options) as channel:
            decider, rewarder = DecisionServiceStub(channel), RewardServiceStub(channel)
            for i in itertools.count():
                if self._stop.is_set():
                    return
                try:
                    self._visit(i, decider, rewarder)
                    self._stop.wait(self._pause_s)
                except grpc.RpcError as error:
                    if error.code() not in EXPECTED_WHILE_KILLED:
                        raise  # pytest reports it
                    self.acknowledged.failed += 1
                    self._stop.wait(0.02)

    def _visit(self, i: int, decider: DecisionServiceStub, rewarder: RewardServiceStub) -> None:
        event_id = f"{self._seed}-{i}"
        request = DecideRequest(placement=self._placement, event_id=event_id, offers=OFFERS)
        request.context.categorical["device"] = self._random.choice(["mobile", "desktop"])
        answer = decider.Decide(request, timeout=2)
        if not answer.logged:
            self.acknowledged.failed += 1
            return
        self.acknowledged.decisions[event_id] = answer
        outcomes = [
            rewards.Outcome(
                placement=self._placement,
                event_id=event_id,
                outcome_id=str(j),
                name="click",
                value=self._random.random(),
            )
            for j in range(self._random.randrange(3))
        ]
        if outcomes:
            answer = rewarder.RecordOutcomes(rewards.RecordOutcomesRequest(outcomes=outcomes), timeout=2)
            for outcome, receipt in zip(outcomes, answer.receipts, strict=True):
                if receipt.status == rewards.OUTCOME_STATUS_ACCEPTED:
                    self.acknowledged.outcomes[event_id, outcome.outcome_id] = outcome.value
