"""Sends clients elsewhere before a server stops, so that none of their calls is cancelled.

A stopping gRPC server tells its clients so with a GOAWAY frame, but refuses at once whatever they send before they have
read it, with a status that says that the *client* had cancelled the call (github.com/grpc/grpc/issues/41785). HTTP/2
has an answer: a first GOAWAY that says "send no more" while everything that still comes is served. gRPC sends one when
a connection has reached its greatest age, but offers no way to ask for it. So this module writes it onto the
connections itself: 17 bytes, between two frames of gRPC's own. docs/decisions/0014-workers.md says why, and what for.

Linux only: connections are found in `/proc`. Elsewhere a server stops as gRPC stops it. It must not be used on
encrypted connections.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Length and type, flags, stream 0; then the last stream that is served, which is every one, and no error.
_GOAWAY = struct.pack(">IBIII", 8 << 8 | 7, 0, 0, 2**31 - 1, 0)
_OPEN_FILES = Path("/proc/self/fd")
_POLL_S = 0.01
_LITTLE = 4096  # bytes; the smallest buffer that Linux begins with is four times as large


async def clients_gone(port: int, timeout_s: float) -> None:
    """Stop listening on a port, tell everybody who is connected to it to leave, and wait until they have.

    A client leaves when its last call has been answered.

    Args:
        port: Where a gRPC server of this process listens.
        timeout_s: Seconds to wait at most.
    """
    for listener in _sockets(port):
        if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RD)
    told: set[object] = set()
    for _ in range(round(timeout_s / _POLL_S)):
        if not _tell(port, told):
            return
        await asyncio.sleep(_POLL_S)


def _tell(port: int, told: set[object]) -> int:
    """Tell those who have not been told; return how many are connected.

    Whoever has much under way to him is told later: the frame must not get into the middle of another one, of which the
    kernel had room for the first part only.
    """
    connected = 0
    for connection in _sockets(port):
        with suppress(OSError):  # it listens, or has just been closed
            peer = connection.getpeername()
            connected += 1
            if peer not in told and _under_way(connection) <= _LITTLE:
                connection.send(_GOAWAY, socket.MSG_DONTWAIT)
                told.add(peer)
    return connected


def _under_way(connection: socket.socket) -> int:
    """Return how many bytes the kernel still holds for the peer."""
    count: int = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
    return count


def _sockets(port: int) -> Iterator[socket.socket]:
    """Yield the TCP sockets of this process with this local port, each under a file descriptor of its own.

    gRPC may close one of them at any moment, and something else may get its number; a descriptor of our own stays what
    it is.
    """
    for entry in list(_OPEN_FILES.iterdir()) if _OPEN_FILES.exists() else []:
        if (one := _duplicate(int(entry.name))) is None:
            continue
        with one:
            if one.family in {socket.AF_INET, socket.AF_INET6} and one.getsockname()[1] == port:
                yield one


def _duplicate(descriptor: int) -> socket.socket | None:
    """Return another handle of an open socket; None where it is none, or closed by now."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
