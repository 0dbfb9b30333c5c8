"""The server processes of a service: any number of them listen on one address, each with an event loop of its own.

The supervisor starts them, looks after them and stops them through this module, and has them replaced one after the
other: a new process has to be ready before the one in its place is told to go.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attune.child import Child, Keeper, NeverReadyError, stop, until_ready
from attune.errors import SettingError
from attune.held_address import HeldAddress
from attune.process import python
from attune.settings import MAX_PORT, ServerSettings, Settings

# What a server needs on top of the time its calls may take.
STOP_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """A place for a server process: who has it now.

    Attributes:
        settings: Of whoever has it: all places share an address, each has its own for metrics.
        child: The process.
        keeper: Starts it again when it dies; None before its first start has succeeded.
    """

    settings: Settings
    child: Child
    keeper: Keeper | None = None


class Workers:
    """The server processes, and the addresses that are held for them."""

    def __init__(self, settings: Settings, wait: Callable[[], None]) -> None:
        """Claim the addresses; no process is started yet.

        Args:
            settings: With the store's URL.
            wait: Called again and again while something is waited for; it calls `tend`, and raises to break off.

        Raises:
            SettingError: An address cannot be had.
        """
        self._wait = wait
        self._timeout_s = settings.server.drain_s + STOP_S
        self._held: list[HeldAddress] = []
        try:
            self._places = self._claim(settings)
        except SettingError:
            self._release()
            raise
        self._leaving: list[Child] = []

    @property
    def address(self) -> str:
        """Where the processes listen, host:port."""
        return self._held[0].address

    def start_first(self) -> None:
        """Start one process, and wait until it is ready.

        Raises:
            NeverReadyError: It cannot be started.
        """
        self._start(self._places[:1])

    def start_others(self) -> None:
        """Start all other processes, and wait until they are ready.

        Raises:
            NeverReadyError: One cannot be started.
        """
        self._start(self._places[1:])

    def tend(self) -> None:
        """Start again what has died; called again and again."""
        for place in self._places:
            if place.keeper:
                place.keeper.tend()

    def replace(self) -> bool:
        """Replace every process by a new one, one after the other.

        Where a new process does not become ready, the old one stays, and so do all that have not been replaced yet.

        Returns:
            Whether all have been replaced.
        """
        for place in self._places:
            new, old = Child(place.child.name, place.child.command), place.child
            self._leaving.append(new)  # until it has the place: whatever happens, it is stopped
            try:
                new.start(place.settings)
                keeper = until_ready(new, place.settings, self._wait)
            except (NeverReadyError, OSError) as failure:
                logger.error("a new %s %s: the old processes go on", new.name, failure)  # noqa: TRY400 - it was said why
                new.ask_to_end()
                self._leaving.remove(new)
                return False
            logger.info("%s: pid %s takes over from pid %s", new.name, new.pid, old.pid)
            place.child, place.keeper = new, keeper
            self._leaving = [old]
            stop([old], self._timeout_s, hurry=lambda: False, wait=self._wait)
            self._leaving = []
        return True

    def stop(self, *, hurry: Callable[[], bool]) -> None:
        """Stop all processes, and let go of the addresses.

        Args:
            hurry: Asked again and again; true kills them at once.
        """
        stop([*(place.child for place in self._places), *self._leaving], self._timeout_s, hurry=hurry)
        self._release()

    def _start(self, places: Sequence[_Place]) -> None:
        for place in places:
            place.child.start(place.settings)
        for place in places:
            place.keeper = until_ready(place.child, place.settings, self._wait)

    def _claim(self, settings: Settings) -> list[_Place]:
        server = replace(settings.server, address=self._hold(settings.server.address, "server.address"))
        places = []
        for i in range(server.workers):
            metrics_address = self._hold(metrics_address_of(server, i), "server.metrics_address")
            own = replace(settings, server=replace(server, metrics_address=metrics_address))
            number = str(i + 1) if server.workers > 1 else ""
            child = Child(f"server {number}".strip(), python("attune.server", "decisions", number))
            places.append(_Place(own, child))
        return places

    def _hold(self, address: str, setting: str) -> str:
        if not address:
            return address
        self._held.append(HeldAddress(address, setting))
        return self._held[-1].address

    def _release(self) -> None:
        for one in self._held:
            one.release()


def metrics_address_of(server: ServerSettings, index: int) -> str:
    """Return where one of the server processes publishes its metrics: each on the port after its predecessor's.

    Args:
        server: Settings of all of them.
        index: Which process, zero-based.

    Returns:
        host:port, with port 0 a free one; empty for nowhere.

    Raises:
        SettingError: There are not so many ports.
    """
    host, _, first = server.metrics_address.rpartition(":")
    if not host or first == "0":
        return server.metrics_address
    if (port := int(first) + index) > MAX_PORT:
        raise SettingError(
            f"server.metrics_address: expected a port up to {MAX_PORT - server.workers + 1}, because there are "
            f"{server.workers} workers, got {server.metrics_address}"
        )
    return f"{host}:{port}"
