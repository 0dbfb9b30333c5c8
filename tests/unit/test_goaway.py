"""Who is connected to a port is told to leave, between the frames that are already on their way."""

import asyncio
import socket
import struct
import sys
from contextlib import closing

import pytest

from attune.goaway import clients_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="connections are found in /proc")
# A frame of 8 bytes, type 7, on stream 0: the last stream that is served is 2^31 - 1, and there is no error.
GOAWAY = bytes.fromhex("000008 07 00 00000000 7fffffff 00000000".replace(" ", ""))


def connected() -> tuple[socket.socket, socket.socket, socket.socket]:
    """Return who listens on a port, a client, and the other end of its connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    return listener, client, listener.accept()[0]


async def test_each_client_is_told_once_and_waited_for() -> None:
    listener, client, server = connected()
    with closing(listener), closing(client), closing(server):
        leaving = asyncio.create_task(clients_gone(listener.getsockname()[1], timeout_s=10))
        server.send(b"before")
        await asyncio.sleep(0.05)
        server.send(b"after")
        assert client.recv(100) in {b"before" + GOAWAY + b"after", GOAWAY + b"beforeafter"}
        assert not leaving.done()
        server.close()
        await asyncio.wait_for(leaving, 5)


async def test_nobody_new_can_connect() -> None:
    listener, client, server = connected()
    with closing(listener), closing(client), closing(server):
        await clients_gone(listener.getsockname()[1], timeout_s=0.02)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname())


async def test_who_does_not_leave_is_not_waited_for_longer_than_that() -> None:
    listener, client, server = connected()
    with closing(listener), closing(client), closing(server):
        began_s = asyncio.get_running_loop().time()
        await clients_gone(listener.getsockname()[1], timeout_s=0.1)
        assert asyncio.get_running_loop().time() - began_s >= 0.1


async def test_a_frame_that_is_half_on_its_way_is_not_broken_into() -> None:
    """The kernel took the first part only: what is sent now would be in the middle of the rest."""
    listener, client, server = connected()
    with closing(listener), closing(client), closing(server):
        server.settimeout(0)
        sent = 0
        try:
            while True:
                sent += server.send(bytes(65536))
        except BlockingIOError:
            pass
        await clients_gone(listener.getsockname()[1], timeout_s=0.05)
        client.settimeout(5)
        received = b""
        while len(received) < sent:
            received += client.recv(1 << 20)
        assert received == bytes(sent)


async def test_other_connections_are_left_alone() -> None:
    listener, client, server = connected()
    other_listener, other_client, other_server = connected()
    with closing(listener), closing(client), closing(server):
        await clients_gone(listener.getsockname()[1], timeout_s=0.02)
        with closing(other_listener), closing(other_client), closing(other_server):
            other_client.settimeout(0)
            with pytest.raises(BlockingIOError):
                other_client.recv(1)
            assert struct.calcsize(">IBIII") == len(client.recv(100))
