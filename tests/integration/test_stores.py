"""The whole service on each kind of store: decide, hear, learn, and go on when the learner is killed."""

import os
import re
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import pytest

import servers
from client import Client
from messages import decide, offers, outcome, reward
from oracle import learned
from service import PATIENT, RunningService, wait_until

PERMISSIONS = re.compile(r"^ACL SETUSER attune on >PASSWORD (?P<rules>.*)$", re.MULTILINE)
Kind = Callable[[Path], AbstractContextManager[str | servers.Watched]]
# Two, because a cluster may have them on two servers.
PLACEMENTS = ("home", "cart")
# What is slow on a busy machine is no failure here.
SETTINGS = {**PATIENT, "ATTUNE__LEARNER__LEASE_S": "1"}


def documented(rootpath: Path) -> list[str]:
    """The permissions that docs/stores.md says are enough."""
    match = PERMISSIONS.search((rootpath / "docs" / "stores.md").read_text())
    assert match is not None
    return match["rules"].split()


def work(client: Client, name: str, first: int) -> None:
    """Decide and hear of each decision."""
    for i in range(first, first + 10):
        answer = client.decide(decide(name, f"e{i}", offers("a", "b")))
        assert answer.logged
        [receipt] = client.record(outcome(name, f"e{i}"))
        assert receipt.detail == ""


def check(url: str) -> str:
    """Run the service on a store, kill its learner in between, and compare what was learned with the log.

    Returns:
        What the service printed.
    """
    with RunningService(redis_url=url, env=SETTINGS) as service, Client(service.address) as client:
        for name in PLACEMENTS:
            client.apply(name, reward=reward(1))
            work(client, name, 0)
        for name in PLACEMENTS:
            client.wait_learned(name, 10)
        killed = service.children()["learner"]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: service.children().get("learner", killed) != killed, "another learner")
        for name in PLACEMENTS:
            work(client, name, 10)
        for name in PLACEMENTS:
            client.wait_learned(name, 20)
        client.delete("cart")
        printed = service.log()
    assert not re.search("password|p@ss|p%40ss|not-for-you", printed)
    log = learned(url, "home")
    assert log.interactions == 20
    assert log.serving == log.replayed
    return printed


@pytest.mark.long
def test_one_server_with_the_documented_permissions_alone(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """It has a setting that loses data, too, which is warned of."""
    with servers.server(tmp_path, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as one:
        one.client().execute_command("ACL", "SETUSER", "attune", "on", ">password", *documented(pytestconfig.rootpath))
        one.client().execute_command("ACL", "SETUSER", "default", "off")
        printed = check(f"redis://attune:password@127.0.0.1:{one.port}")
    assert "maxmemory-policy is allkeys-lru: when it is full it drops decisions, outcomes and models; set" in printed
    assert "appendonly is off" in printed


# Every run has a server alone, and the contract of a cluster in tests/contract.
@pytest.mark.long
def test_a_cluster(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    with servers.cluster(tmp_path, 3) as cluster:
        for node in cluster.nodes:
            user = ["ACL", "SETUSER", "attune", "on", ">password", *documented(pytestconfig.rootpath)]
            node.client().execute_command(*user)
            node.client().execute_command("ACL", "SETUSER", "default", "off")
        check(cluster.url.replace("://", "://attune:password@"))


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    [pytest.param(servers.secured, id="tls"), pytest.param(servers.watched, id="sentinel")],
)
def test_tls_and_sentinel(
    kind: Callable[[Path], AbstractContextManager[str | servers.Watched]], short_path: Path
) -> None:
    with kind(short_path) as store:
        check(store if isinstance(store, str) else store.url)


def answers(client: Client) -> bool:
    """Say whether the service reaches its store for more than decisions."""
    try:
        client.status("home")
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - whether it was refused is the question
        return False
    return True


@pytest.mark.long
def test_the_service_survives_the_death_of_the_master(short_path: Path) -> None:
    with (
        servers.watched(short_path) as store,
        RunningService(redis_url=store.url, env=SETTINGS) as service,
        Client(service.address) as client,
    ):
        client.apply("home", reward=reward(1), store_failure="STORE_FAILURE_ANSWER")
        work(client, "home", 0)
        client.wait_learned("home", 10)
        store.master.client().wait(1, 5000)
        store.master.kill()
        again = iter(range(10, 10_000))
        wait_until(lambda: client.decide(decide("home", f"e{next(again)}", offers("a", "b"))).logged, "a new master")
        # A Sentinel names the new master to some callers a moment before it does to others.
        wait_until(lambda: answers(client), "everything else")
        client.wait_learned("home", 11)
        assert "Traceback" not in service.log()
