"""Several server processes on one address: connections are shared out and recycled, and none misses one that dies."""

import os
import signal
import socket
import struct
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from client import OWN_CONNECTION, Client
from messages import decide, offers
from servers import free_port
from service import PATIENT, RunningService, wait_until

WORKERS = 2
# Connections last a second, give or take a tenth, instead of five minutes.
SHORT_LIVED = {"ATTUNE__SERVER__MAX_CONNECTION_AGE_S": "1"}
GOAWAY = 7  # type of an HTTP/2 frame


@pytest.fixture(scope="module")
def metrics_port() -> int:
    """A port that is free, as the next one is."""
    while True:
        port = free_port()
        with closing(socket.socket()) as after:
            if after.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[RunningService]:
    """A service with two server processes and a placement."""
    args = ["--no-learner", "--workers", str(WORKERS), "--metrics-address", f"127.0.0.1:{metrics_port}"]
    data_dir = tmp_path_factory.mktemp("pair")
    with RunningService(data_dir, args=args, env=PATIENT | SHORT_LIVED) as running:
        with Client(running.address) as client:
            client.apply("home")
        yield running


def decided(port: int) -> float:
    """Return how many decisions a process has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("attune_decisions_total{"))


def test_each_process_gets_connections_and_publishes_its_own_metrics(pair: RunningService, metrics_port: int) -> None:
    """The kernel chooses by a hash: that one of two gets none of 24 connections happens once in eight million runs."""
    assert len(pair.servers()) == WORKERS
    before = [decided(metrics_port + i) for i in range(WORKERS)]
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(pair.address)) for _ in range(24)]
        for i, client in enumerate(clients):
            assert client.decide(decide("home", f"spread-{i}", offers("a", "b"))).logged
    counted = [decided(metrics_port + i) - before[i] for i in range(WORKERS)]
    assert sum(counted) == 24
    assert min(counted) > 0


def test_a_decision_can_be_repeated_at_any_process(pair: RunningService) -> None:
    request = decide("home", "repeated", offers("a", "b", "c"))
    with ExitStack() as stack:
        answers = [stack.enter_context(Client(pair.address)).decide(request) for _ in range(12)]
    assert answers == [answers[0]] * 12


def answered(client: Client, event_id: str) -> bool:
    """Say whether a decision is answered; a connection that broke under the call is UNAVAILABLE, and made anew."""
    try:
        request = decide("home", event_id, offers("a", "b"))
        return bool(client.decisions.Decide(request, timeout=20, wait_for_ready=True).logged)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
        return False


def test_one_that_is_killed_is_started_again_and_the_others_go_on(pair: RunningService) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(pair.address)) for _ in range(12)]
        for client in clients:
            client.status("home")  # it is connected
        killed, other = pair.servers()
        os.kill(killed, signal.SIGKILL)
        for i, client in enumerate(clients):
            wait_until(lambda client=client, i=i: answered(client, f"killed-{i}"), "an answer")
    servers = wait_until(lambda: len(pair.servers()) == WORKERS and pair.servers(), "another server")
    assert killed not in servers
    assert other in servers
    assert pair.log().count(f"(pid {killed}) was killed by SIGKILL; starting it again in 0.") == 1
    wait_until(lambda: pair.log().count("serving decisions on") == WORKERS + 1, "it to serve")


def test_where_no_new_process_gets_ready_the_old_ones_stay(pair: RunningService) -> None:
    servers, store = pair.servers(), pair.children()["store"]
    os.kill(store, signal.SIGSTOP)
    try:
        os.kill(pair.pid, signal.SIGHUP)
        wait_until(lambda: "the old processes go on" in pair.log(), "the attempt to be given up", timeout_s=30)
    finally:
        os.kill(store, signal.SIGCONT)
    assert pair.servers() == servers
    assert "a new server 1 ended with exit code 69: the old processes go on" in pair.log()
    with Client(pair.address) as client:
        wait_until(lambda: answered(client, "still-here"), "an answer")


def frames(connection: socket.socket) -> Iterator[int]:
    """Yield the types of the HTTP/2 frames that come, until the connection is closed."""
    with connection.makefile("rb") as stream:
        while head := stream.read(9):
            length_and_type, _, _ = struct.unpack(">IBI", head)
            stream.read(length_and_type >> 8)
            yield length_and_type & 0xFF


def test_a_connection_is_asked_to_end_when_it_is_old(pair: RunningService) -> None:
    host, _, port = pair.address.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=10)) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
        assert GOAWAY in frames(connection)


def test_a_client_whose_connections_are_recycled_sees_no_error(pair: RunningService) -> None:
    """For three lives of a connection; gRPC's client connects anew when it is asked to, and goes on."""
    with Client(pair.address) as client, Client(pair.address) as other:
        until_s = time.monotonic() + 3.3
        i = 0
        while time.monotonic() < until_s:
            requests = [decide("home", f"recycled-{i}-{j}", offers("a", "b")) for j in range(8)]
            calls = [
                one.decisions.Decide.future(request, timeout=20) for request in requests for one in (client, other)
            ]
            assert all(call.result().logged for call in calls)
            i += 1


def test_who_watches_a_service_that_stops_is_told_that_it_does_not_serve(tmp_path: Path) -> None:
    # A watch never ends by itself.
    drain = {"ATTUNE__SERVER__DRAIN_S": "0.5"}
    with RunningService(tmp_path, args=["--no-learner"], env=drain) as service, ExitStack() as stack:
        channel = stack.enter_context(grpc.insecure_channel(service.address, options=OWN_CONNECTION))
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        os.kill(service.pid, signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
