"""A client that streams the Open Bandit rows through a running service and looks at what the service keeps of them."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf.duration_pb2 import Duration

from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse, GetDecisionRequest
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE, OutcomeRule, Placement, RewardSpec
from attune.v1.placement_service_pb2 import (
    ApplyPlacementRequest,
    GetPlacementRequest,
    GetPlacementResponse,
    ListPolicyVersionsRequest,
    PlacementStatus,
)
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, Outcome, RecordOutcomesRequest
from attune.v1.reward_service_pb2_grpc import RewardServiceStub
from benchmarks.open_bandit_rows import PLACEMENT, Row, request

IN_FLIGHT = 32
FIXED_REQUESTS = 100
SAMPLED = 25
# Longer than the fixed requests take: while their windows are open nothing is learned, and the model stands still.
WINDOW_S = 3
_LEARNED_S = 90.0
_TRIES = 20
_PAUSE_S = 0.25


@dataclass(slots=True)
class Stream:
    """What came of streaming the rows.

    Attributes:
        rows: Logged decisions that were asked anew.
        matched: How often the service drew the logged offer, and so how many outcomes were accepted.
        clicks: How many of those outcomes were clicks.
        retried: Calls that were repeated because the store did not answer in time.
        rate: Decisions per second, with IN_FLIGHT calls in flight.
        p50_ms: Median latency of a decision as the client sees it in this closed loop, in milliseconds.
        p99_ms: 99th percentile of the same.
    """

    rows: int = 0
    matched: int = 0
    clicks: int = 0
    retried: int = 0
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """What a restart has to keep.

    Attributes:
        decisions: Decisions recorded.
        outcomes: Outcomes accepted.
        interactions: Interactions in the training log.
        learned: Interactions that the serving version has learned from.
        policy_version: The serving version.
        versions: Every kept version, serialised.
        sample: Some stored decisions, serialised.
        probabilities: For each fixed request the probability of each offer, and the version that stated it.
    """

    decisions: int
    outcomes: int
    interactions: int
    learned: int
    policy_version: int
    versions: list[bytes] = field(repr=False)
    sample: list[bytes] = field(repr=False)
    probabilities: list[tuple[int, dict[str, float]]] = field(repr=False)


class Client:
    """Talks to one running service."""

    def __init__(self, channel: grpc.aio.Channel, offers: list[Offer]) -> None:
        """Asks for decisions among `offers`."""
        self._decisions = DecisionServiceStub(channel)
        self._placements = PlacementServiceStub(channel)
        self._rewards = RewardServiceStub(channel)
        self._offers = offers

    async def apply(self) -> None:
        """Applies the placement: the default policy, rewarded for clicks, refusing what it cannot journal."""
        reward = RewardSpec(window=Duration(seconds=WINDOW_S), outcomes=[OutcomeRule(name="click")])
        placement = Placement(name=PLACEMENT, reward=reward, store_failure=STORE_FAILURE_REFUSE)
        await self._placements.ApplyPlacement(ApplyPlacementRequest(placement=placement))

    async def stream(self, rows: Sequence[Row]) -> Stream:
        """Asks for every row, IN_FLIGHT at a time, and sends the clicks back."""
        stream, latencies_s, queue = Stream(rows=len(rows)), list[float](), iter(rows)
        began = time.perf_counter()
        await asyncio.gather(*(self._work(queue, stream, latencies_s) for _ in range(IN_FLIGHT)))
        stream.rate = len(rows) / (time.perf_counter() - began)
        latencies_s.sort()
        stream.p50_ms, stream.p99_ms = (1e3 * latencies_s[int(share * len(latencies_s))] for share in (0.5, 0.99))
        return stream

    async def _work(self, queue: Iterable[Row], stream: Stream, latencies_s: list[float]) -> None:
        for row in queue:
            started = time.perf_counter()
            reply = await self._decide(request(row, self._offers, _event_id(row)), stream)
            latencies_s.append(time.perf_counter() - started)
            if reply.choices[0].offer_id == row.item_id:
                await self._send_click(row, stream)

    async def _decide(self, asked: DecideRequest, stream: Stream) -> DecideResponse:
        """Asks, and asks again while the store is late: an event_id makes that safe."""
        for _ in range(_TRIES):
            try:
                reply: DecideResponse = await self._decisions.Decide(asked)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                stream.retried += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                return reply
        raise TimeoutError(f"no decision on {asked.event_id} in {_TRIES} tries, {_PAUSE_S} s apart")

    async def _send_click(self, row: Row, stream: Stream) -> None:
        outcome = Outcome(placement=PLACEMENT, event_id=_event_id(row), name="click", value=row.click)
        receipts = (await self._rewards.RecordOutcomes(RecordOutcomesRequest(outcomes=[outcome]))).receipts
        if [receipt.status for receipt in receipts] != [OUTCOME_STATUS_ACCEPTED]:
            raise RuntimeError(f"expected the outcome of {outcome.event_id} to be accepted, got {receipts}")
        stream.matched += 1
        stream.clicks += int(row.click)

    async def status(self) -> PlacementStatus:
        """Returns how the placement is doing."""
        reply: GetPlacementResponse = await self._placements.GetPlacement(GetPlacementRequest(placement=PLACEMENT))
        return reply.status

    async def wait_until_learned(self) -> int:
        """Waits until every window has closed and every decision is learned; returns how many that are.

        Raises:
            TimeoutError: It did not come to that.
        """
        deadline = time.monotonic() + _LEARNED_S
        while (status := await self.status()).learned < status.decisions or status.pending:
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected everything to be learned after {_LEARNED_S} s, got {status}")
            await asyncio.sleep(0.1)
        return status.learned

    async def state(self, rows: Sequence[Row], name: str) -> State:
        """Makes the fixed requests, then looks at everything that a restart has to keep.

        Args:
            rows: What was streamed.
            name: Goes into the event ids of the fixed requests, which have to be new.
        """
        status = await self.status()
        sample = [await self._stored(row) for row in rows[:: max(1, len(rows) // SAMPLED)]]
        versions = await self._placements.ListPolicyVersions(ListPolicyVersionsRequest(placement=PLACEMENT))
        return State(
            decisions=status.decisions,
            outcomes=status.outcomes,
            interactions=status.interactions,
            learned=status.learned,
            policy_version=status.policy_version,
            versions=[version.SerializeToString(deterministic=True) for version in versions.versions],
            sample=sample,
            probabilities=await self._all_probabilities(rows[:FIXED_REQUESTS], name),
        )

    async def _stored(self, row: Row) -> bytes:
        reply = await self._decisions.GetDecision(GetDecisionRequest(placement=PLACEMENT, event_id=_event_id(row)))
        stored: bytes = reply.decision.SerializeToString(deterministic=True)
        return stored

    async def _all_probabilities(self, rows: Sequence[Row], name: str) -> list[tuple[int, dict[str, float]]]:
        return await asyncio.gather(*(self._probabilities(row, f"{name}-{row.number}") for row in rows))

    async def _probabilities(self, row: Row, event_id: str) -> tuple[int, dict[str, float]]:
        reply = await self._decide(request(row, self._offers, event_id, len(self._offers)), Stream())
        return reply.policy_version, {offer.offer_id: offer.probability for offer in reply.ranking}


def _event_id(row: Row) -> str:
    return f"row-{row.number}"
