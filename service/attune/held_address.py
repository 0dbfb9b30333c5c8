"""An address that is held for as long as the service runs, whichever processes listen on it.

Several processes may listen on one port if each of them asks for `SO_REUSEPORT`; the kernel then shares out new
connections. That is also how a second service would join by mistake and take half of the calls. So the supervisor
claims the address for itself first, and holds it: its socket never listens, but it keeps everybody out who did not
come through the supervisor's own children.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from attune.errors import SettingError


class HeldAddress:
    """An address on which children of this process may listen, with `SO_REUSEPORT`, and nobody else.

    Attributes:
        address: host:port, the host as it was given, the port the one that is held.
    """

    def __init__(self, address: str, setting: str) -> None:
        """Claim an address.

        Args:
            address: host:port; port 0 takes a free one.
            setting: Where the address is from, for the error message.

        Raises:
            SettingError: Somebody else has it, or it is none of this machine.
        """
        host, _, port = address.rpartition(":")
        with ExitStack() as held:
            try:
                number = _hold_all(held, host.strip("[]"), int(port))
            except OSError as error:
                expected = f"{setting}: expected an address that is free to listen on, got {address}"
                raise SettingError(f"{expected}: {error.strerror}") from error
            self._held = held.pop_all()
        self.address = f"{host}:{number}"

    def release(self) -> None:
        """Let others have it."""
        self._held.close()


def _hold_all(held: ExitStack, host: str, port: int) -> int:
    """Hold a port on everything that a host's name stands for; return its number."""
    missing: OSError | None = None
    number = 0
    for family, where in _places(host, port):
        try:
            one = _hold(family, (where[0], number or port, *where[2:]))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                raise
            missing = error  # `localhost` stands for an IPv6 address also where there is no IPv6
            continue
        held.enter_context(one)
        number = one.getsockname()[1]
    if missing and not number:
        raise missing
    return number


def _places(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    for family, *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        yield family, where


def _hold(family: socket.AddressFamily, where: tuple[Any, ...]) -> socket.socket:
    """Return a socket that is bound and does not listen.

    Of two sockets that only listen *alone*, without `SO_REUSEPORT`, the kernel lets one: that is the claim. It has to
    listen to be exclusive, because with `SO_REUSEADDR`, which forgives connections of a former run that are still
    being wound up, two sockets that do not listen may share a port. Under its cover the second socket is bound, which
    children may join and others may not, and the claim is let go of before any child listens.
    """
    with socket.socket(family, socket.SOCK_STREAM) as claim:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind(where)
        claim.listen()
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                holder.setsockopt(socket.SOL_SOCKET, option, 1)
            holder.bind(claim.getsockname())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        except OSError:
            holder.close()
            raise
        return holder
