"""The sequential oracle: the training log read once from its beginning, one interaction after the other.

Whatever crashed, froze or was overtaken on the way, the model that serves has to be the same to the last bit.
"""

import asyncio
from dataclasses import dataclass

import grpc

from attune.learning.trainee import Trainee
from attune.store.client import Store
from attune.store.interactions import Interactions
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1 import decision_service_pb2 as decisions
from attune.v1 import placement_service_pb2 as placements
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Acknowledged
from service import wait_until


@dataclass(frozen=True, slots=True)
class Learned:
    """Two ways to the same model.

    Attributes:
        serving: The weights that the service has arrived at.
        replayed: Those of one pass over the log.
        interactions: Entries of the log.
    """

    serving: bytes
    replayed: bytes
    interactions: int


def status(address: str, placement: str) -> placements.PlacementStatus:
    """Asks how a placement is doing."""
    with grpc.insecure_channel(address) as channel:
        request = placements.GetPlacementRequest(placement=placement)
        return PlacementServiceStub(channel).GetPlacement(request, timeout=5, wait_for_ready=True).status


def settled(address: str, placement: str, timeout_s: float = 30.0) -> placements.PlacementStatus:
    """Waits until every window has closed and everything is learned."""

    def everything_learned() -> placements.PlacementStatus | None:
        now = status(address, placement)
        return now if now.pending == 0 and now.learned == now.interactions == now.decisions else None

    return wait_until(everything_learned, "everything to be learned", timeout_s)


def check_decisions(address: str, placement: str, promised: Acknowledged) -> None:
    """Checks that every decision is there as it was answered, with every outcome that was accepted."""
    with grpc.insecure_channel(address) as channel:
        stub = DecisionServiceStub(channel)
        for event_id, answer in promised.decisions.items():
            request = decisions.GetDecisionRequest(placement=placement, event_id=event_id)
            stored = stub.GetDecision(request, timeout=5).decision
            assert list(stored.choices) == list(answer.choices)
            assert stored.policy_version == answer.policy_version
            recorded = {outcome.outcome_id: outcome.value for outcome in stored.outcomes}
            accepted = {key[1]: value for key, value in promised.outcomes.items() if key[0] == event_id}
            assert accepted.items() <= recorded.items()


def learned(url: str, placement: str) -> Learned:
    """Reads the weights that serve, and learns them anew from the log of a store."""
    return asyncio.run(_learned(url, PlacementKeys(placement)))


async def _learned(url: str, keys: PlacementKeys) -> Learned:
    store = Store(url, timeout_s=5)
    trainee = Trainee((await Placements(store).get(keys.name)).placement)
    events = []
    while entries := await Interactions(store).after(keys, trainee.cursor, 500):
        for entry in entries:
            trainee.learn(entry)
            events.append(entry.decision.event_id)
    assert len(set(events)) == len(events), "a decision is in the log twice"
    head = await Versions(store).head(keys)
    assert head is not None
    weights = await Versions(store).weights(keys, head)
    await store.close()
    return Learned(weights, trainee.version(0)[1], len(events))
