"""kill -9 of server, learner, store and supervisor at random moments under load: nothing acknowledged is lost.

At the end the training log is read once from the beginning into a new policy, one interaction after the other. The
model that the service has arrived at, through all its crashes, has to be the same to the last bit.
"""

import asyncio
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from attune.learning.trainee import Trainee
from attune.store.client import Store
from attune.store.data_dir import running_url
from attune.store.interactions import Interactions
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1 import decision_service_pb2 as decisions
from attune.v1 import placement_service_pb2 as placements
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Acknowledged, Customers
from service import RunningService, wait_until

SEED = 20261121
ROUNDS = 3
KILLS_PER_ROUND = 6
# SUM, so that an outcome that is counted twice shows; 30 s, so that a store that is away does not make outcomes late.
PLACEMENT = {
    "name": "home",
    "reward": {"window": "2s", "outcomes": [{"name": "click", "aggregation": "AGGREGATION_SUM"}]},
}

# Short, and forgetful: matrices are inverted again every dozen interactions, before and after every kill.
NUMPY_PLACEMENT = {
    "name": "home",
    "policy": {"linear_ucb": {}, "half_life": 100},
    "reward": {"window": "1s"},
}


def apply(address: str, placement: dict[str, Any]) -> None:
    with grpc.insecure_channel(address) as channel:
        request = placements.ApplyPlacementRequest(placement=ParseDict(placement, Placement()))
        PlacementServiceStub(channel).ApplyPlacement(request, timeout=5, wait_for_ready=True)


def kill_one(service: RunningService, customers: Customers, rng: random.Random) -> str:
    """Kill a random process of the service at a random moment, and wait until customers are served again."""
    time.sleep(rng.uniform(0.05, 0.5))
    role = rng.choice(["server", "learner", "store"])
    pid = wait_until(lambda: service.children().get(role), f"a {role} to kill")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.children().get(role, pid) != pid, f"another {role}")
    served = len(customers.acknowledged.decisions)
    wait_until(lambda: len(customers.acknowledged.decisions) > served + 20, "customers to be served again")
    return role


def status(address: str) -> placements.PlacementStatus:
    with grpc.insecure_channel(address) as channel:
        request = placements.GetPlacementRequest(placement="home")
        return PlacementServiceStub(channel).GetPlacement(request, timeout=5, wait_for_ready=True).status


def settled(address: str) -> placements.PlacementStatus:
    """Wait until every window has closed and everything is learned."""

    def everything_learned() -> placements.PlacementStatus | None:
        now = status(address)
        return now if now.pending == 0 and now.learned == now.interactions == now.decisions else None

    return wait_until(everything_learned, "everything to be learned", timeout_s=30)


@pytest.mark.timeout(170)
def test_nothing_acknowledged_is_lost_and_the_model_is_that_of_the_log(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    promised = Acknowledged()
    killed = []
    for i in range(ROUNDS):
        service = RunningService(tmp_path)
        apply(service.address, PLACEMENT)
        customers = Customers(service.address, "home", seed=SEED + i)
        customers.start()
        try:
            killed += [kill_one(service, customers, rng) for _ in range(KILLS_PER_ROUND)]
        finally:
            service.kill()
            killed.append("supervisor")
            acknowledged = customers.stop()
        promised.decisions |= acknowledged.decisions
        promised.outcomes |= acknowledged.outcomes
    assert len(killed) >= 20

    with RunningService(tmp_path) as service:
        now = settled(service.address)
        assert now.decisions >= len(promised.decisions)
        assert now.outcomes >= len(promised.outcomes)
        check_decisions(service.address, promised)
        serving, replayed, interactions = asyncio.run(sequential_oracle(running_url(str(tmp_path))))
        assert interactions == now.interactions
        assert serving == replayed


def kill_learner(service: RunningService, rng: random.Random) -> None:
    """Kill the learner at a random moment after it has committed something new."""
    before = status(service.address).learned
    wait_until(lambda: status(service.address).learned > before, "a version with more interactions")
    time.sleep(rng.uniform(0.0, 0.5))
    os.kill(service.children()["learner"], signal.SIGKILL)


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.long)])
def test_a_policy_in_numpy_survives_its_learner_to_the_last_bit(tmp_path: Path, kills: int) -> None:
    """Needs one thread of linear algebra in this process, too, which `make test` sees to."""
    rng = random.Random(SEED)
    with RunningService(tmp_path) as service:
        apply(service.address, NUMPY_PLACEMENT)
        customers = Customers(service.address, "home", seed=SEED)
        customers.start()
        try:
            for _ in range(kills):
                kill_learner(service, rng)
        finally:
            customers.stop()
        now = settled(service.address)
        serving, replayed, interactions = asyncio.run(sequential_oracle(running_url(str(tmp_path))))
        assert interactions == now.interactions > 0
        assert serving == replayed
        assert service.log().count("was killed by SIGKILL") == kills


def check_decisions(address: str, promised: Acknowledged) -> None:
    """Every decision is there as it was answered, with every outcome that was accepted."""
    with grpc.insecure_channel(address) as channel:
        stub = DecisionServiceStub(channel)
        for event_id, answer in promised.decisions.items():
            request = decisions.GetDecisionRequest(placement="home", event_id=event_id)
            stored = stub.GetDecision(request, timeout=5).decision
            assert list(stored.choices) == list(answer.choices)
            assert stored.policy_version == answer.policy_version
            recorded = {outcome.outcome_id: outcome.value for outcome in stored.outcomes}
            accepted = {key[1]: value for key, value in promised.outcomes.items() if key[0] == event_id}
            assert accepted.items() <= recorded.items()


async def sequential_oracle(url: str) -> tuple[bytes, bytes, int]:
    """Return the weights that serve, those of one pass over the log, and how many interactions there are."""
    store = Store(url, timeout_s=5)
    keys = PlacementKeys("home")
    trainee = Trainee((await Placements(store).get("home")).placement)
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
    return weights, trainee.version(0)[1], len(events)
