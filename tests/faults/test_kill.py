"""Server, learner, store and supervisor are killed and frozen at random moments under load: nothing is lost or doubled.

At the end the training log is read once from the beginning into a new policy, one interaction after the other. The
model that the service has arrived at, through all its crashes, has to be the same to the last bit.
"""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from attune.store.data_dir import running_url
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Acknowledged, Customers
from oracle import check_decisions, learned, settled, status
from service import RunningService, wait_until

SEED = 20261121
# SUM, so that an outcome that is counted twice shows; 2 s, so that windows close all the time.
PLACEMENT = {
    "name": "home",
    "reward": {
        "window": "2s",
        "outcomes": [{"name": "click", "aggregation": "AGGREGATION_SUM"}],
        "revise_late": True,
    },
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


def disturb(service: RunningService, customers: Customers, rng: random.Random) -> str:
    """Kill or freeze a random process of the service at a random moment, and wait until customers are served again."""
    time.sleep(rng.uniform(0.05, 0.5))
    role = rng.choice(["server", "learner", "store"])
    pid = wait_until(lambda: service.children().get(role), f"a {role}")
    how = "killed" if rng.random() < 0.7 else "frozen"
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: service.children().get(role, pid) != pid, f"another {role}")
    else:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(rng.uniform(0.1, 1.0))
        os.kill(pid, signal.SIGCONT)
    served = len(customers.acknowledged.decisions)
    wait_until(lambda: len(customers.acknowledged.decisions) > served + 20, "customers to be served again")
    return f"{role} {how}"


@pytest.mark.parametrize(
    ("rounds", "disturbances", "pause_s"),
    [
        # With a pause, about every second moment has a call in flight, and the processes that start get a processor.
        pytest.param(2, 6, 0.002, marks=pytest.mark.timeout(170)),
        pytest.param(10, 11, 0.0, marks=[pytest.mark.timeout(900), pytest.mark.long]),
    ],
)
def test_nothing_acknowledged_is_lost_and_the_model_is_that_of_the_log(
    tmp_path: Path, rounds: int, disturbances: int, pause_s: float
) -> None:
    rng = random.Random(SEED)
    promised = Acknowledged()
    happened = []
    for i in range(rounds):
        service = RunningService(tmp_path)
        apply(service.address, PLACEMENT)
        customers = Customers(service.address, "home", seed=SEED + i, pause_s=pause_s)
        customers.start()
        try:
            happened += [disturb(service, customers, rng) for _ in range(disturbances)]
        finally:
            service.kill()
            happened.append("supervisor killed")
            acknowledged = customers.stop()
        promised.decisions |= acknowledged.decisions
        promised.outcomes |= acknowledged.outcomes
    assert len(happened) == rounds * (disturbances + 1)
    assert len(set(happened)) == 7, "every process was killed, and every one but the supervisor frozen"

    with RunningService(tmp_path) as service:
        now = settled(service.address, "home")
        assert now.decisions >= len(promised.decisions)
        assert now.outcomes >= len(promised.outcomes)
        check_decisions(service.address, "home", promised)
        log = learned(running_url(str(tmp_path)), "home")
        assert log.interactions == now.interactions
        assert log.serving == log.replayed


def kill_learner(service: RunningService, rng: random.Random) -> None:
    """Kill the learner at a random moment after it has committed something new."""
    before = status(service.address, "home").learned
    wait_until(lambda: status(service.address, "home").learned > before, "a version with more interactions")
    time.sleep(rng.uniform(0.0, 0.5))
    os.kill(service.children()["learner"], signal.SIGKILL)


# Any policy is killed above; that this one goes on bit by bit is a unit test, too.
@pytest.mark.long
@pytest.mark.parametrize("kills", [1, 5])
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
        now = settled(service.address, "home")
        log = learned(running_url(str(tmp_path)), "home")
        assert log.interactions == now.interactions > 0
        assert log.serving == log.replayed
        assert service.log().count("was killed by SIGKILL") == kills
