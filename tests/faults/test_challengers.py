"""The learner is killed while challengers learn: where they stand, and what they earned, is what one walk gives.

So it is with the baseline of the control group, which learns beside them.
"""

import os
import random
import signal
import time
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from attune.store.data_dir import running_url
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Customers
from oracle import baseline, challengers, learned, settled
from service import PATIENT, RunningService, wait_until

SEED = 20261122
KILLS = 10
PLACEMENT = {
    "name": "home",
    "policy": {"vw": {"epsilon": {"epsilon": 0.2}}},
    "reward": {"window": "1s", "min": 0, "max": 1, "revise_late": True},
    "control": {"share": 0.2, "popularity": {}},
    "challengers": [
        {"name": "softmax", "policy": {"vw": {"softmax": {}}}},
        {"name": "linear", "policy": {"linear_ucb": {"model": {"bits": 5, "offer_bits": 3}}}},
    ],
}


# One kill is part of every run: tests/contract/test_challengers.py.
@pytest.mark.long
@pytest.mark.timeout(300)
def test_challengers_survive_their_learner_to_the_last_bit(tmp_path: Path) -> None:
    """Needs one thread of linear algebra in this process, too, which `make test` sees to."""
    rng = random.Random(SEED)
    with RunningService(tmp_path, env=PATIENT) as service, grpc.insecure_channel(service.address) as channel:
        stub = PlacementServiceStub(channel)
        stub.ApplyPlacement(placements.ApplyPlacementRequest(placement=ParseDict(PLACEMENT, Placement())), timeout=20)

        def measured() -> int:
            request = placements.ListChallengersRequest(placement="home")
            reply = stub.ListChallengers(request, timeout=10, wait_for_ready=True)
            return min((status.measured for status in reply.challengers), default=0)

        customers = Customers(service.address, "home", seed=SEED)
        customers.start()
        try:
            for _ in range(KILLS):
                before = measured()
                wait_until(lambda before=before: measured() > before, "more to be measured")
                time.sleep(rng.uniform(0.0, 0.5))
                os.kill(service.children()["learner"], signal.SIGKILL)
        finally:
            customers.stop()
        now = settled(service.address, "home")
        log = learned(running_url(str(tmp_path)), "home")
        assert log.interactions == now.interactions > 0
        assert log.serving == log.replayed
        for record, walked in challengers(running_url(str(tmp_path)), "home"):
            assert record == walked
            assert record.measured > 0
        weights, replayed = baseline(running_url(str(tmp_path)), "home")
        assert weights == replayed
        assert service.log().count("was killed by SIGKILL") == KILLS
