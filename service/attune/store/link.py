"""One connection to one server: commands out, answers in, in the same order.

Made of hiredis, the parser that redis-py itself uses, on an asyncio transport. See `attune.store.pipe`.
"""

import asyncio
import ssl
from collections import deque
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection
from redis.exceptions import ResponseError

from attune.store_url import Address, StoreUrl


class Link(asyncio.Protocol):
    """A connection.

    Attributes:
        ahead_s: The server's clock minus the event loop's, in seconds.
    """

    def __init__(self) -> None:
        """Make a connection for an event loop to connect."""
        self.ahead_s = 0.0
        self._reader = hiredis.Reader(replyError=ResponseError)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._outgoing: list[bytes] = []
        self._is_held = False
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command; the future gets its answer."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection is closed")
        # Before anything waits: what cannot be packed must not take the answer of the next command.
        packed = hiredis.pack_command(cast("Any", command))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(answer)
        # The first of a turn of the loop leaves at once, the others together: each write costs both sides something.
        if self._is_held:
            self._outgoing.append(packed)
        else:
            self._is_held = True
            self._transport.write(packed)
            loop.call_soon(self._write)
        return answer

    def _write(self) -> None:
        self._is_held = False
        if self._outgoing and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def server_ms(self, at_s: float) -> int:
        """Translate a time of the event loop's clock, in seconds, into the server's, in ms since the epoch."""
        return int(1000 * (at_s + self.ahead_s))

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        # Not an isinstance: uvloop's transports only look like asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them."""
        self._reader.feed(data)
        # False, and nothing else, says that there is no whole answer: a nil answer is None.
        while (value := self._reader.gets()) is not False:
            answer = self._waiting.popleft()
            if answer.done():
                continue
            if isinstance(value, ResponseError):
                answer.set_exception(value)
            else:
                answer.set_result(value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what still waits."""
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(ConnectionError(f"the connection was lost: {exc or 'closed by the store'}"))


class Opener:
    """Opens connections to the servers that a URL leads to."""

    def __init__(self, url: StoreUrl) -> None:
        """Take how to get in from the URL; nothing is connected yet."""
        self._url = url
        self._context: ssl.SSLContext | None = None

    async def store(self, address: Address | None) -> Link:
        """Connect to a server of the store.

        Args:
            address: Where it listens; None for the socket in the URL.

        Raises:
            OSError: There is no connection.
            ResponseError: The server does not let us in.
        """
        loop, url = asyncio.get_running_loop(), self._url
        link = await self._connected(address)
        try:
            await _log_in(link, url.login.get("username"), url.login.get("password"))
            if url.db:
                await link.send("SELECT", url.db)
            before_s = loop.time()
            seconds, microseconds = await link.send("TIME")
            link.ahead_s = int(seconds) + int(microseconds) / 1e6 - (before_s + loop.time()) / 2
        except BaseException:
            link.close()
            raise
        return link

    async def ask(self, address: Address, *command: str) -> Any:
        """Ask something over a connection of its own: a Sentinel where the URL names Sentinels, else a server."""
        of_sentinels = self._url.service != ""
        login = self._url.sentinel_login if of_sentinels else self._url.login
        link = await self._connected(address)
        try:
            await _log_in(link, login.get("username"), login.get("password"))
            return await link.send(*command)
        finally:
            link.close()

    async def _connected(self, address: Address | None) -> Link:
        loop = asyncio.get_running_loop()
        if address is None:
            return (await loop.create_unix_connection(Link, self._url.path))[1]
        return (await loop.create_connection(Link, *address, ssl=self._tls()))[1]

    def _tls(self) -> ssl.SSLContext | None:
        if self._context is None and self._url.tls is not None:
            self._context = SSLConnection(**self._url.tls).ssl_context.get()
        return self._context


async def _log_in(link: Link, username: str | None, password: str | None) -> None:
    if password:
        await link.send("AUTH", username or "default", password)
