"""The customers of the demo on the wire: each asks for a decision when it comes, and says later what it did.

Requests leave at the times of the plan, not when the last one was answered. A decision that was not acknowledged is
asked for again under the same event_id, and outcomes are sent again under the same key: both count once.
"""

import asyncio
import heapq
import time
from collections.abc import Iterator

import grpc

from attune.demo import DemoError
from attune.demo.ledger import Ledger
from attune.demo.plan import PLACEMENT, Plan
from attune.demo.simulation import (
    CLICK_REWARD,
    CONVERSION_REWARD,
    DEVICES,
    INTERESTS,
    OFFERS,
    TENURES,
    Crowd,
    Simulation,
)
from attune.v1 import (
    decision_service_pb2,
    decision_service_pb2_grpc,
    features_pb2,
    reward_service_pb2,
    reward_service_pb2_grpc,
)
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_DUPLICATE, OutcomeStatus

CONCURRENCY = 64
POST_INTERVAL_S = 0.05
BATCH_SIZE = 500
CALL_TIMEOUT_S = 2.0
ATTEMPTS = 20
PAUSE_S = 0.1
# How long after the last planned customer those who are still waiting may be served, on a slow machine.
GRACE_S = 2.0
REWARDS = {"click": CLICK_REWARD, "conversion": CONVERSION_REWARD}
POSITIONS = {offer.offer_id: position for position, offer in enumerate(OFFERS)}
AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


class Traffic:
    """Sends the customers of a simulation to the service and books what comes back.

    Attributes:
        started: When the first customer came, on the monotonic clock; None before.
    """

    def __init__(self, channel: grpc.aio.Channel, plan: Plan, simulation: Simulation, ledger: Ledger) -> None:
        """Send over `channel`, at the pace of `plan`, and book in `ledger`."""
        self._decisions = decision_service_pb2_grpc.DecisionServiceStub(channel)
        self._rewards = reward_service_pb2_grpc.RewardServiceStub(channel)
        self._plan, self._simulation, self._ledger = plan, simulation, ledger
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._candidates = decision_service_pb2.DecideRequest(placement=PLACEMENT, offers=shop_offers())
        self._outbox: list[tuple[float, int, str]] = []
        self.started: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first customer came; 0 before."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    async def run(self) -> None:
        """Let all customers come, and wait until their outcomes are recorded.

        Raises:
            DemoError: The service did not answer, or answered something it may not.
        """
        self.started = time.monotonic()
        everyone_came = asyncio.Event()
        async with asyncio.TaskGroup() as posting:
            posting.create_task(self._post_outcomes(everyone_came))
            async with asyncio.TaskGroup() as asking:
                await self._let_customers_come(asking)
            everyone_came.set()

    async def _let_customers_come(self, asking: asyncio.TaskGroup) -> None:
        for customer, came_s in enumerate(self._ledger.came_s.tolist()):
            if (early_s := came_s - self.elapsed_s) > 0:
                await asyncio.sleep(early_s)
            await self._places.acquire()
            if self.elapsed_s > self._plan.seconds + GRACE_S:
                self._places.release()
                return
            asking.create_task(self._serve(customer))

    async def _serve(self, customer: int) -> None:
        """Ask which offer to show, show it, and remember what the customer will do."""
        try:
            reply = await self._decide(self._request(customer))
        finally:
            self._places.release()
        offer = POSITIONS[reply.choices[0].offer_id]
        self._ledger.book_decision(customer, offer, reply)
        reaction = self._simulation.temper.react(customer, float(self._simulation.click_probability[customer, offer]))
        for name, delay_s in (("click", reaction.click_delay_s), ("conversion", reaction.conversion_delay_s)):
            if delay_s is not None:
                heapq.heappush(self._outbox, (self.elapsed_s + delay_s, customer, name))

    def _request(self, customer: int) -> decision_service_pb2.DecideRequest:
        request = decision_service_pb2.DecideRequest(
            event_id=_event_id(customer),
            customer_id=f"customer-{customer:06d}",
            context=customer_features(self._simulation.crowd, customer),
        )
        request.MergeFrom(self._candidates)
        return request

    async def _decide(self, request: decision_service_pb2.DecideRequest) -> decision_service_pb2.DecideResponse:
        """Ask until the decision is acknowledged; the same event_id gives the same decision."""
        said = ""
        for _ in range(ATTEMPTS):
            try:
                reply: decision_service_pb2.DecideResponse = await self._decisions.Decide(
                    request, timeout=CALL_TIMEOUT_S
                )
            except grpc.aio.AioRpcError as error:
                said = _reason("Decide", error)
            else:
                if reply.logged:
                    return reply
                said = "Decide answered logged = false"
            await self._pause(said)
        raise DemoError(f"decision {request.event_id} was not acknowledged in {ATTEMPTS} attempts: {said}")

    async def _post_outcomes(self, everyone_came: asyncio.Event) -> None:
        """Send what customers did when they did it, late ones too, until everyone came and nothing is left."""
        while self._outbox or not everyone_came.is_set():
            await asyncio.sleep(POST_INTERVAL_S)
            while batch := list(self._due_outcomes()):
                await self._record(batch)

    def _due_outcomes(self) -> Iterator[tuple[int, str]]:
        """Take the outcomes that have happened by now, at most a batch of them."""
        for _ in range(BATCH_SIZE):
            if not self._outbox or self._outbox[0][0] > self.elapsed_s:
                return
            _, customer, name = heapq.heappop(self._outbox)
            yield customer, name

    async def _record(self, batch: list[tuple[int, str]]) -> None:
        outcomes = [
            reward_service_pb2.Outcome(placement=PLACEMENT, event_id=_event_id(customer), name=name)
            for customer, name in batch
        ]
        receipts, repeated = await self._send(reward_service_pb2.RecordOutcomesRequest(outcomes=outcomes))
        if len(receipts) != len(batch):
            raise DemoError(f"receipts: expected one for each of {len(batch)} outcomes, got {len(receipts)}")
        for (customer, name), receipt in zip(batch, receipts, strict=True):
            self._ledger.book_receipt(customer, REWARDS[name], _status(receipt, repeated=repeated))

    async def _send(
        self, request: reward_service_pb2.RecordOutcomesRequest
    ) -> tuple[list[reward_service_pb2.OutcomeReceipt], bool]:
        """Send outcomes until they are received; return the receipts and whether they were sent more than once."""
        said = ""
        for attempt in range(ATTEMPTS):
            try:
                reply = await self._rewards.RecordOutcomes(request, timeout=CALL_TIMEOUT_S)
                return list(reply.receipts), attempt > 0
            except grpc.aio.AioRpcError as error:
                said = _reason("RecordOutcomes", error)
            await self._pause(said)
        raise DemoError(f"{len(request.outcomes)} outcomes were not received in {ATTEMPTS} attempts: {said}")

    async def _pause(self, said: str) -> None:
        """Wait a moment before a request is sent again."""
        self._ledger.repeats[said.partition(":")[0]] += 1
        await asyncio.sleep(PAUSE_S)


def shop_offers() -> list[features_pb2.Offer]:
    """Return the shop's offers as the service is told of them."""
    return [
        features_pb2.Offer(
            id=offer.offer_id,
            features=features_pb2.Features(
                numeric={"price": offer.price, "discount": offer.discount}, categorical={"category": offer.category}
            ),
        )
        for offer in OFFERS
    ]


def customer_features(crowd: Crowd, customer: int) -> features_pb2.Features:
    """Return what the service is told about a customer.

    Args:
        crowd: All customers.
        customer: Position of the customer.
    """
    interests = [crowd.interest[customer], crowd.second_interest[customer]]
    named = features_pb2.Tags(values=[INTERESTS[interest] for interest in interests if interest >= 0])
    return features_pb2.Features(
        categorical={"device": DEVICES[crowd.device[customer]], "tenure": TENURES[crowd.tenure[customer]]},
        tags={"interests": named},
    )


def _event_id(customer: int) -> str:
    return f"visit-{customer:06d}"


def _status(receipt: reward_service_pb2.OutcomeReceipt, *, repeated: bool) -> OutcomeStatus:
    """Return what became of an outcome. The first of two sendings was the one that counted."""
    if repeated and receipt.status == OUTCOME_STATUS_DUPLICATE:
        return OUTCOME_STATUS_ACCEPTED
    return receipt.status


def _reason(method: str, error: grpc.aio.AioRpcError) -> str:
    """Return why a call failed, where it may be made again."""
    reason = f"{method} answered {error.code().name}: {error.details()}"
    if error.code() not in AGAIN:
        raise DemoError(reason) from error
    return reason
