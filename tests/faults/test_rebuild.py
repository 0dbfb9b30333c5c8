"""The learner is killed in the middle of a rebuild, while late outcomes come in: the policy is that of the log."""

import os
import random
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from attune.store.data_dir import running_url
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_LATE, Outcome, RecordOutcomesRequest
from attune.v1.reward_service_pb2_grpc import RewardServiceStub
from customers import Customers
from oracle import check_decisions, learned, settled, status
from service import RunningService, wait_until

SEED = 20261122
# Its beliefs take a second or two to learn: so long, at least, a rebuild has not caught up.
PLACEMENT = {
    "name": "home",
    "policy": {
        "linear_ucb": {"model": {"bits": 8}},
        "beliefs": [{"offer": {"id": f"offer-{i}"}, "reward": 0.1, "strength": 1000} for i in range(2)],
    },
    "reward": {
        "window": "1s",
        "outcomes": [{"name": "click", "aggregation": "AGGREGATION_SUM"}],
        "revise_late": True,
    },
}
INTO_THE_REBUILD_S = 0.4


def late(channel: grpc.Channel, event_ids: Iterable[str]) -> None:
    outcomes = [
        Outcome(placement="home", event_id=event_id, name="click", outcome_id=f"late-{n}", value=n)
        for event_id in event_ids
        for n in (1, 2)
    ]
    receipts = RewardServiceStub(channel).RecordOutcomes(RecordOutcomesRequest(outcomes=outcomes), timeout=5).receipts
    assert {receipt.status for receipt in receipts} == {OUTCOME_STATUS_LATE}


def generation(stub: PlacementServiceStub) -> int:
    request = placements.ListPolicyVersionsRequest(placement="home")
    return stub.ListPolicyVersions(request, timeout=5, wait_for_ready=True).versions[0].generation


# Without kills, in every run: tests/integration/test_rebuild.py.
@pytest.mark.long
def test_a_rebuild_survives_its_learner_to_the_last_bit(tmp_path: Path) -> None:
    """Needs one thread of linear algebra in this process, too, which `make test` sees to."""
    rng = random.Random(SEED)
    with RunningService(tmp_path) as service, grpc.insecure_channel(service.address) as channel:
        stub = PlacementServiceStub(channel)
        stub.ApplyPlacement(placements.ApplyPlacementRequest(placement=ParseDict(PLACEMENT, Placement())), timeout=20)
        before = Customers(service.address, "home", seed=SEED)
        before.start()
        wait_until(lambda: status(service.address, "home").interactions > 100, "a history")
        promised = before.stop()
        settled(service.address, "home")
        some = rng.sample(sorted(promised.decisions), 60)
        late(channel, some[:40])

        meanwhile = Customers(service.address, "home", seed=SEED + 1)
        meanwhile.start()
        try:
            stub.RebuildPolicy(placements.RebuildPolicyRequest(placement="home"), timeout=5)
            time.sleep(INTO_THE_REBUILD_S)
            assert generation(stub) == 0, "it may not have caught up yet"
            os.kill(service.children()["learner"], signal.SIGKILL)
            late(channel, some[40:])
            served = len(meanwhile.acknowledged.decisions)
            wait_until(lambda: len(meanwhile.acknowledged.decisions) > served + 100, "customers to be served meanwhile")
        finally:
            acknowledged = meanwhile.stop()
        promised.decisions |= acknowledged.decisions
        promised.outcomes |= acknowledged.outcomes

        wait_until(lambda: generation(stub) == 1, "the rebuilt policy", 60)
        now = settled(service.address, "home")
        assert now.late_outcomes >= 120
        assert now.revisions >= 2
        check_decisions(service.address, "home", promised)
        log = learned(running_url(str(tmp_path)), "home")
        assert (log.interactions, log.generation) == (now.interactions, 1)
        assert log.serving == log.replayed
        assert service.log().count("was killed by SIGKILL") == 1
