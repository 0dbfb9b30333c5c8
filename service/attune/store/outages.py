"""Servers of the store that are out of reach: what they would have to take is refused at once.

A frozen store must not make every caller wait for a time limit of its own. A probe, ten times a second, finds out when
it is back. Of a cluster, the servers count one by one. Used by `attune.store.batcher`.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from attune.errors import ExpectedError, StoreUnavailableError

_PROBE_S = 0.1

_log = logging.getLogger(__name__)


class Probed(Protocol):
    """What can be asked for a sign of life."""

    def shard(self, key: str) -> str:
        """Return what a key shares with those that are out of reach together with it."""

    async def ping(self, key: str = "") -> None:
        """Ask the server that has this key for a sign of life."""


class Outages:
    """Knows which servers are out of reach."""

    def __init__(self, connection: Probed, begun: Callable[[], None], ended: Callable[[], None]) -> None:
        """Begin with none.

        Args:
            connection: Probed through this one.
            begun: Called when an outage begins.
            ended: Called when one has ended.
        """
        self._connection = connection
        self._begun = begun
        self._ended = ended
        self._errors: dict[str, StoreUnavailableError] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}

    def check(self, key: str) -> None:
        """Find the server of a key in reach.

        Raises:
            StoreUnavailableError: It is not.
        """
        if self._errors and (error := self._errors.get(self._connection.shard(key))):
            raise StoreUnavailableError(str(error))

    def begin(self, key: str, error: StoreUnavailableError) -> None:
        """Take note that the server of a key did not answer, and probe it from now on."""
        shard = self._connection.shard(key)
        if shard not in self._errors:
            self._errors[shard] = error
            self._begun()
            self._probing[shard] = asyncio.get_running_loop().create_task(self._probe(shard, key))

    def close(self) -> None:
        """Stop probing."""
        for probing in self._probing.values():
            probing.cancel()

    async def _probe(self, shard: str, key: str) -> None:
        while shard in self._errors:
            try:
                await self._connection.ping(key)
            except ExpectedError:
                await asyncio.sleep(_PROBE_S)
                continue
            del self._errors[shard]
            self._ended()
