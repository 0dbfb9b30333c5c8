"""More is asked than can be done: what is refused costs little and says so, what is answered is in the store once."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from benchmarks import h2
from benchmarks.overload import outcome
from benchmarks.targets import DECIDE
from grpc_health.v1 import health_pb2, health_pb2_grpc

from attune.settings import ServerSettings
from attune.v1.decision_service_pb2 import DecideResponse, GetDecisionRequest
from client import Client
from messages import decide, numbered_offers
from service import PATIENT, RunningService, wait_until

MOST_WAITING = 20
# Long enough that neither a decision nor its caller gives up while the store stands still.
LONG_S = 20.0
AS_DEFAULT = {**PATIENT, "ATTUNE__SERVER__MAX_QUEUE": str(ServerSettings().max_queue)}
SHORT = {**PATIENT, "ATTUNE__STORE__MAX_WAITING": str(MOST_WAITING), "ATTUNE__SERVER__MAX_QUEUE": "16"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that takes on little; of what happens here, nothing is learned."""
    with RunningService(tmp_path_factory.mktemp("data"), args=["--no-learner"], env=SHORT) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        client.apply("home")
        yield client


@contextmanager
def frozen(service: RunningService) -> Iterator[None]:
    """The store is there, but does nothing."""
    pid = service.children()["store"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def code_of(call: "grpc.Future[DecideResponse]") -> str:
    error = call.exception(timeout=LONG_S)
    return "OK" if error is None else error.code().name


def is_stored(client: Client, event_id: str) -> bool:
    try:
        client.decisions.GetDecision(GetDecisionRequest(placement="home", event_id=event_id), timeout=LONG_S)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


def test_what_waits_for_the_store_is_bounded_and_the_rest_is_told_at_once(
    service: RunningService, client: Client
) -> None:
    names = [f"bounded{i}" for i in range(3 * MOST_WAITING)]
    with frozen(service):
        # One by one: what is refused is refused by this bound, not by the queue before it.
        calls = []
        for name in names:
            calls.append(client.decisions.Decide.future(decide("home", name, numbered_offers(3)), timeout=LONG_S))
            time.sleep(0.005)
        refused = [call for call in calls[MOST_WAITING:] if code_of_ended(call) == "RESOURCE_EXHAUSTED"]
        assert len(refused) >= MOST_WAITING
    codes = Counter(map(code_of, calls))
    assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}
    assert codes["OK"] >= MOST_WAITING
    ended = dict(zip(names, map(code_of, calls), strict=True))
    assert {name: is_stored(client, name) for name in names} == {name: code == "OK" for name, code in ended.items()}


def code_of_ended(call: "grpc.Future[DecideResponse]") -> str:
    wait_until(call.done, "a call that is refused to end", timeout_s=2)
    return code_of(call)


def test_a_call_that_cannot_be_answered_in_time_is_told_at_once(service: RunningService, client: Client) -> None:
    with frozen(service):
        waits = client.decisions.Decide.future(decide("home", "waits", numbered_offers(3)), timeout=LONG_S)
        time.sleep(1.0)
        began = time.monotonic()
        hurried = client.decisions.Decide.future(decide("home", "hurried", numbered_offers(3)), timeout=0.9)
        assert code_of(hurried) == "RESOURCE_EXHAUSTED"
        assert time.monotonic() - began < 0.9
        assert "a deadline at least" in str(hurried.exception())
    assert code_of(waits) == "OK"
    assert not is_stored(client, "hurried")


def test_a_call_that_is_cancelled_stops_costing(service: RunningService, client: Client) -> None:
    with frozen(service):
        # Two calls of the store are under way at most: what comes after them waits in the process.
        under_way = []
        for i in range(2):
            request = decide("home", f"under-way{i}", numbered_offers(3))
            under_way.append(client.decisions.Decide.future(request, timeout=LONG_S))
            time.sleep(0.1)
        cancelled = client.decisions.Decide.future(decide("home", "cancelled", numbered_offers(3)), timeout=LONG_S)
        stays = client.decisions.Decide.future(decide("home", "stays", numbered_offers(3)), timeout=LONG_S)
        time.sleep(0.2)
        cancelled.cancel()
        time.sleep(0.2)
    assert [code_of(call) for call in [*under_way, stays]] == ["OK"] * 3
    assert not is_stored(client, "cancelled")


def test_a_burst_of_one_client_waits_on_its_side_and_is_answered(tmp_path: Path) -> None:
    """A connection takes as many calls at a time as the queue does; the client's library keeps the others.

    Nothing may be refused that the client was told it may send: not even while gRPC still clears away calls that the
    client knows to be answered.
    """
    alone = RunningService(tmp_path, args=["--no-learner"], env=AS_DEFAULT)
    with alone as service, Client(service.address) as client:
        client.apply("home")
        requests = [decide("home", f"burst{i}", numbered_offers(3)) for i in range(600)]
        calls = [client.decisions.Decide.future(request, timeout=60) for request in requests]
        assert Counter(map(code_of, calls)) == {"OK": len(calls)}


def health(address: str, until_s: float) -> list[int]:
    """Ask for the health again and again, over a connection of its own."""
    seen = []
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < until_s:
            seen.append(stub.Check(health_pb2.HealthCheckRequest(), timeout=LONG_S).status)
            time.sleep(0.1)
    return seen


def loaded(service: RunningService, name: str, seconds: float) -> tuple[h2.Load, h2.Load, list[int]]:
    """Load a placement with half of what it can do, and with three times that.

    Returns:
        What came of each, and the answers to health checks during the second.
    """
    # A hundred offers: what a decision costs is then far more than what the load generator spends on asking.
    message = [decide(name, "", numbered_offers(100), ranking_size=0).SerializeToString()]
    run = {"seconds": 1.0, "connections": 4, "in_flight": 4}
    most = h2.closed_loop(service.address, DECIDE, message, **run).rate
    half = h2.open_loop(service.address, DECIDE, message, seconds=seconds, connections=32, per_second=most / 2)
    with ThreadPoolExecutor(1) as pool:
        healthy = pool.submit(health, service.address, time.monotonic() + seconds)
        over = h2.open_loop(service.address, DECIDE, message, seconds=seconds, connections=32, per_second=3 * most)
        return half, over, healthy.result()


def p99_s(load: h2.Load) -> float:
    return sorted(load.latencies_s)[int(0.99 * len(load.latencies_s))]


def test_three_times_of_what_can_be_done(service: RunningService, client: Client) -> None:
    client.apply("over")
    before = client.status("over").decisions
    half, over, healthy = loaded(service, "over", 2.0)
    # By gRPC, before anything was done for them; or by the service, because too many waited for the store.
    assert {"CANCELLED"} <= set(map(outcome, over.failures)) <= {"CANCELLED", "RESOURCE_EXHAUSTED"}
    assert over.calls > 0
    assert len(over.failures) > over.calls / 2
    # Without a bound, the last calls would wait for more than twice as long as the load lasts.
    assert max(over.latencies_s) < 2.0
    assert set(healthy) == {health_pb2.HealthCheckResponse.SERVING}
    made = client.status("over").decisions - before
    assert made >= half.calls + over.calls
    assert client.decide(decide("over", "after", numbered_offers(3))).logged


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_minute_of_three_times_of_what_can_be_done_hurts_those_that_are_served_little(tmp_path: Path) -> None:
    with RunningService(tmp_path, env=AS_DEFAULT) as service, Client(service.address) as client:
        client.apply("over")
        half, over, healthy = loaded(service, "over", 60.0)
        assert set(healthy) == {health_pb2.HealthCheckResponse.SERVING}
        assert over.failures
        assert p99_s(over) <= 2 * p99_s(half)
