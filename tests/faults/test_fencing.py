"""A learner that was frozen for longer than its lease finds another one in its place, and overwrites nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import ParseDict

from attune.process import bound
from attune.store.data_dir import running_url
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import Customers
from oracle import check_decisions, learned, settled, status
from service import RunningService, wait_until

LEASE_S = 1.0
PLACEMENT = {"name": "home", "reward": {"window": "1s", "outcomes": [{"name": "click"}]}}


@contextmanager
def learner(data_dir: Path, log: Path) -> Iterator[int]:
    """A learner in a process of its own; yields its process id."""
    command = bound([sys.executable, "-m", "attune", "learn", "--data-dir", str(data_dir)])
    with log.open("w") as printed:
        process = subprocess.Popen(
            command, stderr=printed, env={**os.environ, "ATTUNE__LEARNER__LEASE_S": str(LEASE_S)}
        )
    try:
        yield process.pid
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def learning_pid(address: str) -> int:
    return int(status(address, "home").learner.rpartition(":")[2] or 0)


def wait_for_progress(address: str) -> None:
    known = status(address, "home").learned
    wait_until(lambda: status(address, "home").learned > known, "something to be learned")


def overtake(address: str, learners: set[int]) -> None:
    """Freeze the learner that holds the lease, until the other one has taken over and committed."""
    frozen = wait_until(lambda: learning_pid(address), "a learner")
    [other] = learners - {frozen}
    wait_for_progress(address)
    os.kill(frozen, signal.SIGSTOP)
    wait_until(lambda: learning_pid(address) == other, "the other learner", 3 * LEASE_S + 2)
    wait_for_progress(address)
    os.kill(frozen, signal.SIGCONT)


@pytest.mark.timeout(120)
def test_a_frozen_learner_is_fenced_and_its_successor_goes_on(tmp_path: Path) -> None:
    with RunningService(tmp_path / "data", args=["--no-learner"]) as service:
        with grpc.insecure_channel(service.address) as channel:
            apply = placements.ApplyPlacementRequest(placement=ParseDict(PLACEMENT, Placement()))
            PlacementServiceStub(channel).ApplyPlacement(apply, timeout=5, wait_for_ready=True)
        logs = [tmp_path / "one.log", tmp_path / "two.log"]
        with learner(tmp_path / "data", logs[0]) as one, learner(tmp_path / "data", logs[1]) as two:
            # Learners are what is frozen: a hundred decisions a second give them enough to do.
            customers = Customers(service.address, "home", seed=1, pause_s=0.01)
            customers.start()
            try:
                for _ in range(3):
                    overtake(service.address, {one, two})
            finally:
                promised = customers.stop()
            now = settled(service.address, "home")
            check_decisions(service.address, "home", promised)
            log = learned(running_url(str(tmp_path / "data")), "home")
            assert log.interactions == now.interactions
            assert log.serving == log.replayed
    assert sum(log.read_text().count("another learner has taken over") for log in logs) >= 3
