"""`attune serve` as a whole: what it starts, keeps running, and leaves behind, which is nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from attune.store.data_dir import running_url
from attune.store.embedded import EmbeddedStore
from attune.v1.customer_service_pb2 import PURPOSE_LEARNING, Consent, GetCustomerRequest, SetConsentRequest
from attune.v1.placement_service_pb2 import ListPlacementsRequest, ListPlacementsResponse
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from client import Client, refused
from service import RunningService, is_alive, wait_until

SHOP = Path(__file__).parents[2] / "examples" / "shop.yaml"


def placements(address: str) -> list[str]:
    """Ask a service for its placements, waiting for it if it is just being started again."""
    with grpc.insecure_channel(address) as channel:
        stub = PlacementServiceStub(channel)
        reply: ListPlacementsResponse = stub.ListPlacements(ListPlacementsRequest(), timeout=20, wait_for_ready=True)
    return [one.placement.name for one in reply.placements]


def answers(address: str) -> bool:
    """Say whether the service can answer: while the store is being started, it is UNAVAILABLE."""
    try:
        return placements(address) == ["home_hero"]
    except grpc.RpcError:
        return False


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `attune serve` where it cannot start."""
    command = [sys.executable, "-m", "attune", "serve", "--address", "127.0.0.1:0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with the example placement, shared by the tests that leave it as it was."""
    with RunningService(tmp_path_factory.mktemp("shop"), args=["--apply", str(SHOP)]) as running:
        yield running


def test_placement_files_are_applied_before_the_service_is_ready(shop: RunningService) -> None:
    assert placements(shop.address) == ["home_hero"]


@pytest.mark.parametrize("role", ["learner", "server", "store"])
def test_a_process_that_dies_is_started_again_and_the_address_stays(shop: RunningService, role: str) -> None:
    dead = shop.children()[role]
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: shop.children().get(role, dead) != dead, f"another {role}")
    wait_until(lambda: answers(shop.address), "the service to answer")
    assert shop.log().count(f"{role} (pid {dead}) was killed by SIGKILL; starting it again in 0.") == 1
    assert set(shop.children()) == {"learner", "server", "store"}


def test_a_second_service_on_the_same_data_is_refused_and_the_first_goes_on(shop: RunningService) -> None:
    data_dir = shop_data_dir(shop)
    second = serve("--data-dir", str(data_dir))
    assert second.returncode == 69
    assert second.stdout == ""
    assert second.stderr == (
        f"attune: the data directory {data_dir} is in use by another attune service (pid {shop.pid}): "
        "stop that one, or choose another --data-dir\n"
    )
    assert placements(shop.address) == ["home_hero"]


def shop_data_dir(shop: RunningService) -> Path:
    return Path(f"/proc/{shop.children()['store']}/cwd").readlink()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_supervisor_that_is_killed_takes_everything_along_and_one_that_is_asked_stops_it(
    tmp_path: Path,
) -> None:
    with RunningService(tmp_path) as service:
        children = service.children()
        assert set(children) == {"learner", "server", "store"}
        with Client(service.address) as client:
            granted = Consent(purpose=PURPOSE_LEARNING, granted=True)
            client.customers.SetConsent(SetConsentRequest(customer_id="eve", consents=[granted]), timeout=20)
        service.kill()
        for role, pid in children.items():
            wait_until(lambda pid=pid: not is_alive(pid), f"the {role} to end", timeout_s=5)
    with RunningService(tmp_path, args=["--no-learner"]) as again:
        assert set(again.children()) == {"server", "store"}
        with Client(again.address) as client:  # under the same key
            held = client.customers.GetCustomer(GetCustomerRequest(customer_id="eve"), timeout=20)
            assert [each.granted for each in held.consents] == [True]
        stop_by_a_signal(again, signal.SIGTERM)


def stop_by_a_signal(service: RunningService, number: signal.Signals) -> None:
    """Send a signal, and check that everything ends with exit code 0."""
    children = service.children()
    # A terminal's Ctrl-C goes to everyone in its session; the children have to wait for the supervisor's word.
    assert os.getsid(service.pid) not in {os.getsid(pid) for pid in children.values()}
    os.kill(service.pid, number)
    assert service._process.wait(20) == 0  # noqa: SLF001
    assert [role for role, pid in children.items() if is_alive(pid)] == []
    assert "Traceback" not in service.log()


def test_a_placement_file_that_the_service_refuses_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: home\npolicy:\n  vw:\n    bits: 99\n")
    done = serve("--data-dir", str(tmp_path / "data"), "--apply", str(file))
    assert done.returncode == 78
    assert done.stdout == ""
    assert f"attune: {file}:4: placements[0].policy.vw.bits: expected" in done.stderr


def test_a_store_that_is_down_at_start_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = serve("--redis-url", f"unix://{tmp_path}/none.sock")
    assert done.returncode == 69
    assert done.stdout == ""
    assert "none.sock is out of reach" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_one_line_and_an_exit_code(shop: RunningService, tmp_path: Path) -> None:
    done = serve("--data-dir", str(tmp_path), "--address", shop.address)
    assert done.returncode == 78
    assert f"server.address: expected an address that is free to listen on, got {shop.address}" in done.stderr


def test_a_store_at_a_url_is_used_and_left_running(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    url = store.start()
    try:
        with RunningService(redis_url=url, args=["--no-learner", "--apply", str(SHOP)]) as service:
            assert "store" not in service.children()
            assert placements(service.address) == ["home_hero"]
            with Client(service.address) as client:  # several services share a store: none may make a key of its own
                refusal = refused(client.customers.GetCustomer, GetCustomerRequest(customer_id="eve"))
            assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
            assert refusal.message == "customers.key: expected a key in the settings of the service, got none"
        assert store.alive()
        assert running_url(tmp_path) == url
    finally:
        store.stop()


def test_a_learner_apart_joins_the_service_in_a_data_directory_and_ctrl_c_stops_the_service(tmp_path: Path) -> None:
    with RunningService(tmp_path, args=["--no-learner", "--apply", str(SHOP)]) as service:
        learn = [sys.executable, "-m", "attune", "learn", "--data-dir", str(tmp_path)]
        with subprocess.Popen(learn, stderr=subprocess.DEVNULL) as learner:
            wait_until(lambda: learner_of(service.address).endswith(f":{learner.pid}"), "the learner to take over")
            learner.terminate()
        assert learner.returncode == 0
        stop_by_a_signal(service, signal.SIGINT)


def learner_of(address: str) -> str:
    with grpc.insecure_channel(address) as channel:
        (one,) = PlacementServiceStub(channel).ListPlacements(ListPlacementsRequest(), timeout=20).placements
    return str(one.status.learner)
