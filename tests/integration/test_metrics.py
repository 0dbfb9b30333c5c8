"""Metrics of the real service, fetched over HTTP; without a setting no port is opened."""

import urllib.request
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from client import Client, refused
from messages import decide, kept, offers, outcome, reward
from service import PATIENT, RunningService, wait_until


def free_port() -> int:
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("attune_") and "_created" not in line)
    return {name: float(value) for name, value in pairs}


def test_what_happened_is_counted(tmp_path: Path) -> None:
    serving, learning = free_port(), free_port()
    args = ["--metrics-address", f"127.0.0.1:{serving}", "--learner-metrics-address", f"127.0.0.1:{learning}"]
    with RunningService(tmp_path, args=args, env=PATIENT) as service, Client(service.address) as client:
        client.apply("home", reward=reward(1, max=2.0))
        client.decide_all(decide("home", f"e{i}", offers("a", "b")) for i in range(20))
        client.record(*(outcome("home", f"e{i}", value=float(i)) for i in range(5)), outcome("home", "unknown"))
        refused(client.decisions.Decide, decide("home", "", offers("a", "a")))
        client.put(kept("a"), kept("b"), kept("c", placements=["elsewhere"]))
        refused(client.decisions.Decide, decide("nowhere", "", offers("a")))
        status = client.wait_learned("home", 20)
        assert (status.clipped_rewards, status.refused_interactions) == (2, 0)

        def caught_up() -> bool:
            return scraped(serving).get('attune_serving_version{placement="home"}') == status.policy_version

        wait_until(caught_up, "the version to serve")
        seen = scraped(serving)
        assert seen['attune_decisions_total{logged="true",mode="learned",placement="home"}'] == 20
        assert seen['attune_errors_total{code="INVALID_ARGUMENT",method="Decide"}'] == 1
        assert seen['attune_errors_total{code="NOT_FOUND",method="Decide"}'] == 1
        assert seen['attune_outcomes_total{placement="home",status="accepted"}'] == 5
        assert seen['attune_outcomes_total{placement="home",status="unknown_event"}'] == 1
        assert seen['attune_live_offers{placement="home"}'] == 2
        assert not any("nowhere" in name for name in seen)
        learned = scraped(learning)
        assert learned['attune_interactions_learned_total{placement="home"}'] == 20
        assert learned['attune_rewards_clipped_total{placement="home"}'] == 2
        assert learned['attune_interactions_refused_total{placement="home"}'] == 0
        assert learned['attune_schema_findings{placement="home",problem="vanished"}'] == 0

        client.delete("home")
        wait_until(lambda: not any("home" in name for name in scraped(learning)), "the labels to go")
        assert not any("home" in name for name in scraped(serving))


def listening(pids: list[int]) -> set[int]:
    """Return the TCP ports that processes listen on."""
    inodes = {
        link.readlink().name
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and link.readlink().name.startswith("socket:")
    }
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    listens = "0A"
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == listens and f"socket:[{row[9]}]" in inodes}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="open ports are looked up in /proc")
def test_by_default_no_port_is_opened_but_the_service_s(service: RunningService) -> None:
    children = [pid for role, pid in service.children().items() if role != "store"]
    assert listening(children) == {int(service.address.rpartition(":")[2])}
