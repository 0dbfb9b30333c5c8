"""Processes are replaced, and the service stopped and started, under load: no call is lost, no decision doubled."""

import os
import signal
import threading
import time
from pathlib import Path

import grpc
import pytest

from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from client import Client
from customers import OFFERS, Acknowledged
from oracle import check_decisions, status
from service import PATIENT, RunningService, is_alive, wait_until

# What gRPC's documentation has every client use: again, a few times, when the service was not there. No other error.
RETRY = """{"methodConfig": [{"name": [{"service": "attune.v1.DecisionService"}], "retryPolicy": {"maxAttempts": 5,
  "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""
OPTIONS = (
    ("grpc.service_config", RETRY),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)
CONNECTIONS = 4
# Some 250 decisions a second: new processes need the processors as well, and every decision is looked up at the end.
PAUSE_S = 0.05


class Visitors:
    """Traffic on the placement `home` over several connections, a thread each."""

    def __init__(self, address: str, *, patient: bool = False) -> None:
        """Start the traffic.

        Args:
            address: The service.
            patient: Whether to repeat a call, with the same event_id, for as long as the service is not there.
        """
        self.answers: dict[str, DecideResponse] = {}
        self.errors: list[grpc.RpcError] = []
        self.asked = 0
        self._patient = patient
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[address, i]) for i in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the traffic once the calls under way have ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, address: str, number: int) -> None:
        with grpc.insecure_channel(address, options=OPTIONS) as channel:
            stub = DecisionServiceStub(channel)
            visit = 0
            while not self._stop.is_set():
                # A handful at a time, so that some are under way at any moment.
                events = [f"{number}-{visit}-{i}" for i in range(4)]
                calls = [(event_id, self._call(stub, event_id)) for event_id in events]
                self.asked += len(calls)
                for event_id, call in calls:
                    self._hear(stub, event_id, call)
                visit += 1
                self._stop.wait(PAUSE_S)

    def _call(self, stub: DecisionServiceStub, event_id: str) -> grpc.Future:
        request = DecideRequest(placement="home", event_id=event_id, offers=OFFERS)
        call: grpc.Future = stub.Decide.future(request, timeout=30, wait_for_ready=self._patient)
        return call

    def _hear(self, stub: DecisionServiceStub, event_id: str, call: grpc.Future) -> None:
        while True:
            try:
                self.answers[event_id] = call.result()
            except grpc.RpcError as error:
                if self._patient and error.code() == grpc.StatusCode.UNAVAILABLE:
                    time.sleep(0.05)
                    call = self._call(stub, event_id)
                    continue
                self.errors.append(error)
            return

    def more(self) -> None:
        """Wait until they have been answered again."""
        answered = len(self.answers)
        wait_until(lambda: len(self.answers) > answered + 100, "answers", timeout_s=30)


def check(address: str, visitors: Visitors) -> None:
    """Check that every call was answered, and that the store has each decision as it was answered, once."""
    assert visitors.errors == []
    assert len(visitors.answers) == visitors.asked
    assert all(answer.logged for answer in visitors.answers.values())
    check_decisions(address, "home", Acknowledged(decisions=visitors.answers))
    assert status(address, "home").decisions == len(visitors.answers)


def replace_processes(service: RunningService) -> None:
    """Send SIGHUP, and wait until every server is another one and the former ones have ended."""
    before = service.servers()
    os.kill(service.pid, signal.SIGHUP)
    wait_until(
        lambda: not any(map(is_alive, before)) and len(service.servers()) == len(before), "other servers", timeout_s=60
    )


def roll(service: RunningService, times: int) -> None:
    """Replace all processes under load, and check what became of the calls."""
    with Client(service.address) as client:
        client.apply("home")
    learner, servers = service.children()["learner"], len(service.servers())
    before = service.log().count("takes over from pid")
    visitors = Visitors(service.address)
    try:
        visitors.more()
        for _ in range(times):
            replace_processes(service)
            visitors.more()
    finally:
        visitors.stop()
    check(service.address, visitors)
    wait_until(lambda: service.children().get("learner", learner) != learner, "another learner")
    assert service.log().count("takes over from pid") - before == servers * times


def test_a_rolling_restart_under_load_loses_no_call(service: RunningService) -> None:
    """Of the service that other tests use, too: they must not notice."""
    roll(service, 1)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_rolling_restarts_of_several_processes_under_load_lose_no_call(tmp_path: Path) -> None:
    with RunningService(tmp_path, args=["--workers", "3"], env=PATIENT) as service:
        roll(service, 5)


def test_a_service_that_is_stopped_and_started_under_load_loses_no_call(tmp_path: Path) -> None:
    with RunningService(tmp_path, args=["--no-learner"], env=PATIENT) as service:
        with Client(service.address) as client:
            client.apply("home")
        visitors = Visitors(service.address, patient=True)
        visitors.more()
    try:
        with RunningService(tmp_path, args=["--no-learner", "--address", service.address], env=PATIENT) as again:
            visitors.more()
            visitors.stop()
            check(again.address, visitors)
    finally:
        visitors.stop()
