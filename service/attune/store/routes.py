"""Which server has a key: always the same one, the one that the Sentinels call master, or the owner of a Cluster slot.

The store's clients of `attune.store.client` leave that to redis-py; the connections of `attune.store.pipe` ask here.
"""

import asyncio
from collections.abc import Hashable, Iterable
from typing import Any, Protocol

from redis.crc import key_slot
from redis.exceptions import RedisError

from attune.store.link import Link, Opener
from attune.store_url import Address, Kind, StoreUrl


class Routes(Protocol):
    """Leads from a key to a connection with the server that has it."""

    def shard(self, key: str) -> str:
        """Return what the key shares with those that are out of reach together with it, as far as is known."""

    def together(self, key: str) -> Hashable:
        """Return what the key shares with those that may stand in one script call with it."""

    async def locate(self, key: str) -> None:
        """Find out, where that is not known, who has the key.

        Raises:
            OSError: Nobody says.
        """

    async def open(self, key: str) -> Link:
        """Connect to the server that has the key; it has been located.

        Raises:
            OSError: There is no connection.
            RedisError: The server does not let us in.
        """

    def forget(self) -> None:
        """Take note that a server was out of reach: somebody else may have its keys now."""

    def moved(self, slot: int, address: Address) -> None:
        """Take note of a redirection: the slot belongs to this server."""


def routes(url: StoreUrl) -> Routes:
    """Return the routes that a URL leads to."""
    kinds: dict[Kind, type[_OneServer | _Sentinels | _Cluster]] = {
        Kind.SERVER: _OneServer,
        Kind.SENTINEL: _Sentinels,
        Kind.CLUSTER: _Cluster,
    }
    return kinds[url.kind](url)


class _OneServer:
    """One server, at an address or a socket."""

    def __init__(self, url: StoreUrl) -> None:
        self._opener = Opener(url)
        self._address = None if url.path else url.addresses[0]

    def shard(self, key: str) -> str:
        """Return the same for all keys: they are on one server."""
        del key
        return ""

    def together(self, key: str) -> Hashable:
        """Return the same for all keys: the server takes any of them together."""
        del key
        return ""

    async def locate(self, key: str) -> None:
        """It is where the URL says."""

    async def open(self, key: str) -> Link:
        """Connect to the one server there is."""
        del key
        return await self._opener.store(self._address)

    def forget(self) -> None:
        """There is only this one."""

    def moved(self, slot: int, address: Address) -> None:
        """It is part of a cluster, of which only this server was named: what it does not have is out of reach."""


class _Sentinels:
    """The server that is the master now."""

    def __init__(self, url: StoreUrl) -> None:
        self._opener = Opener(url)
        self._url = url

    def shard(self, key: str) -> str:
        """Return the same for all keys: they are on one server."""
        del key
        return ""

    def together(self, key: str) -> Hashable:
        """Return the same for all keys: the server takes any of them together."""
        del key
        return ""

    async def locate(self, key: str) -> None:
        """Nothing is remembered: the Sentinels are asked for every connection."""

    async def open(self, key: str) -> Link:
        """Ask the Sentinels who is the master, and connect to it."""
        del key
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._url.service)
        _, found = await _first(self._opener, self._url.addresses, question)
        if not found:
            raise ConnectionError(f'the Sentinels know no service "{self._url.service}"')
        address = (found[0].decode(), int(found[1]))
        link = await self._opener.store(address)
        # A Sentinel may not know yet. What is written to a former master is lost when it hears of the new one.
        role = await link.send("ROLE")
        if role[0] != b"master":
            link.close()
            raise ConnectionError(f"{address[0]}:{address[1]} is not the master any more")
        return link

    def forget(self) -> None:
        """Nothing is remembered: the Sentinels are asked for every connection."""

    def moved(self, slot: int, address: Address) -> None:
        """A server that Sentinels watch redirects nobody."""


class _Cluster:
    """The servers of a cluster, each with some of the slots."""

    def __init__(self, url: StoreUrl) -> None:
        self._opener = Opener(url)
        self._seeds = url.addresses
        self._owners: dict[int, Address] = {}
        self._is_stale = True
        self._looking = asyncio.Lock()

    def shard(self, key: str) -> str:
        """Name the server that has a key, as far as is known."""
        host, port = self._owners.get(key_slot(key.encode()), ("", 0))
        return f"{host}:{port}"

    def together(self, key: str) -> Hashable:
        """Return a key's slot: a script may not touch several."""
        return key_slot(key.encode())

    async def locate(self, key: str) -> None:
        """Find out which server has a key, unless that is known."""
        async with self._looking:
            if self._is_stale:
                await self._look()
        if (slot := key_slot(key.encode())) not in self._owners:
            self._is_stale = True
            raise ConnectionError(f"no server of the cluster has slot {slot}")

    async def open(self, key: str) -> Link:
        """Connect to the server that has a key."""
        return await self._opener.store(self._owners[key_slot(key.encode())])

    def forget(self) -> None:
        """Look again before the next connection."""
        # The map stays: it still says which keys are out of reach together.
        self._is_stale = True

    def moved(self, slot: int, address: Address) -> None:
        """Note where a slot is now."""
        self._owners[slot] = address

    async def _look(self) -> None:
        asked, ranges = await _first(self._opener, {*self._seeds, *self._owners.values()}, ("CLUSTER", "SLOTS"))
        owners: dict[int, Address] = {}
        for first, last, (host, port, *_), *_ in ranges:
            # A server that does not know its own address means: the one that was asked.
            owners.update(dict.fromkeys(range(first, last + 1), ((host or b"").decode() or asked[0], port)))
        self._owners, self._is_stale = owners, False


async def _first(opener: Opener, addresses: Iterable[Address], question: tuple[str, ...]) -> tuple[Address, Any]:
    """Ask all at once, so that one that is away holds nobody up; return who answered first, and what.

    Raises:
        ConnectionError: Nobody answered.
    """

    async def ask(address: Address) -> tuple[Address, Any]:
        """Return who was asked, and the answer."""
        return address, await opener.ask(address, *question)

    asking = [asyncio.create_task(ask(address)) for address in addresses]
    reasons = []
    try:
        for answer in asyncio.as_completed(asking):
            try:
                return await answer
            except (OSError, RedisError) as error:
                reasons.append(str(error))
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    raise ConnectionError(f"nobody answers {' '.join(question[:2])}: {'; '.join(reasons)}")
