"""An address that is held is for the children of one service alone, whether they listen or not."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from attune.errors import SettingError
from attune.held_address import HeldAddress


@pytest.fixture
def held() -> Iterator[HeldAddress]:
    """An address on the loopback."""
    one = HeldAddress("127.0.0.1:0", "server.address")
    yield one
    one.release()


def where(one: HeldAddress) -> tuple[str, int]:
    host, _, port = one.address.rpartition(":")
    return host, int(port)


def listener(one: HeldAddress) -> socket.socket:
    """Listen as a child does."""
    sock = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind(where(one))
    sock.listen()
    return sock


def claim_again(one: HeldAddress) -> str:
    with pytest.raises(SettingError) as refused:
        HeldAddress(one.address, "server.address")
    return str(refused.value)


def test_a_free_port_is_found_and_named(held: HeldAddress) -> None:
    assert held.address.startswith("127.0.0.1:")
    assert where(held)[1] > 0


def test_nobody_is_let_in_before_a_child_listens_nor_while_one_does_nor_after_all_have_died(held: HeldAddress) -> None:
    taken = f"server.address: expected an address that is free to listen on, got {held.address}: Address already in use"
    assert claim_again(held) == taken
    with closing(listener(held)):
        assert claim_again(held) == taken
    assert claim_again(held) == taken


def test_a_server_that_would_share_the_port_with_others_that_listen_alone_is_kept_out(held: HeldAddress) -> None:
    with closing(listener(held)), closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(where(held))


def test_connections_are_shared_out_among_those_who_listen(held: HeldAddress) -> None:
    """Each connection goes to one of two by a hash: that one gets none of 64 happens once in 2^63 runs."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(listener(held))) for _ in range(2)]
        for _ in range(64):
            stack.enter_context(closing(socket.create_connection(where(held))))
        counts = []
        for one in listeners:
            one.settimeout(0)
            counts.append(0)
            try:
                while True:
                    stack.enter_context(closing(one.accept()[0]))
                    counts[-1] += 1
            except BlockingIOError:
                pass
    assert sum(counts) == 64
    assert min(counts) > 0


def test_who_holds_it_takes_no_connection(held: HeldAddress) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where(held))


def test_it_can_be_had_again_while_connections_of_the_former_run_are_wound_up(held: HeldAddress) -> None:
    with closing(listener(held)) as one, closing(socket.create_connection(where(held))) as client:
        accepted, _ = one.accept()
        accepted.close()  # who closes first keeps the port for a minute, in TIME_WAIT
        assert client.recv(1) == b""
    held.release()
    HeldAddress(held.address, "server.address").release()


def test_it_can_be_had_again_while_a_process_of_the_former_run_finishes_its_calls(held: HeldAddress) -> None:
    one = listener(held)
    with closing(socket.create_connection(where(held))), closing(one.accept()[0]):
        one.close()
        held.release()
        HeldAddress(held.address, "server.address").release()


def test_a_name_is_held_on_everything_it_stands_for() -> None:
    one = HeldAddress("localhost:0", "server.address")
    try:
        assert one.address.startswith("localhost:")
        assert "in use" in claim_again(one)
        with pytest.raises(SettingError):
            HeldAddress(f"127.0.0.1:{where(one)[1]}", "server.address")
    finally:
        one.release()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_of_this_machine_is_refused_by_name(host: str) -> None:
    with pytest.raises(SettingError, match=f"server.metrics_address: expected .*, got {host}:1: ."):
        HeldAddress(f"{host}:1", "server.metrics_address")
