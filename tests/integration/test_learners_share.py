"""Three `attune learn` processes: they share the placements, and close the gap when one of them is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import grpc
from google.protobuf.json_format import ParseDict

from attune.process import bound
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from service import RunningService, wait_until

LEASE_S = 1.0
NAMES = [f"p{i}" for i in range(6)]


def start_learner(stack: ExitStack, data_dir: Path) -> int:
    """Start a learner that ends with the stack at the latest; return its process id."""
    command = bound([sys.executable, "-m", "attune", "learn", "--data-dir", str(data_dir), "--log-level", "warning"])
    process = subprocess.Popen(command, env={**os.environ, "ATTUNE__LEARNER__LEASE_S": str(LEASE_S)})
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process.pid


def shares(stub: PlacementServiceStub) -> Counter[int]:
    """Count the placements of each learner, by process id, as `attune status` shows them."""
    reply = stub.ListPlacements(placements.ListPlacementsRequest(), timeout=5)
    return Counter(int(one.status.learner.rpartition(":")[2] or 0) for one in reply.placements)


def wait_for_shares(stub: PlacementServiceStub, expected: dict[int, int]) -> None:
    wait_until(lambda: shares(stub) == expected, f"the shares {expected}")


def test_three_learners_share_take_over_and_share_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ExitStack() as stack:
        service = stack.enter_context(RunningService(data_dir, args=["--no-learner"]))
        stub = PlacementServiceStub(stack.enter_context(grpc.insecure_channel(service.address)))
        for name in NAMES:
            spec = ParseDict({"name": name, "policy": {"uniform": {}}}, Placement())
            stub.ApplyPlacement(placements.ApplyPlacementRequest(placement=spec), timeout=5, wait_for_ready=True)
        one, two, three = (start_learner(stack, data_dir) for _ in range(3))
        wait_for_shares(stub, {one: 2, two: 2, three: 2})

        os.kill(three, signal.SIGKILL)
        killed = time.monotonic()
        wait_for_shares(stub, {one: 3, two: 3})
        assert time.monotonic() - killed < LEASE_S + 1

        again = start_learner(stack, data_dir)
        wait_for_shares(stub, {one: 2, two: 2, again: 2})
