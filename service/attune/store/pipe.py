"""One connection for the decision path: commands follow each other without waiting for answers.

redis-py spends several times the CPU of the parser below it on each call (pool, retries, checks, streams): a good part
of all that a decision may cost. So the journal talks to the store through hiredis, the same parser, on an asyncio
transport. Everything else goes through `attune.store.client`. See docs/decisions/0006-a-pipe-to-the-store.md.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import ResponseError

from attune.config import redacted
from attune.store.client import reaching, script


class Pipe:
    """A client of the store that is made for one kind of call, in great numbers."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepare a client; nothing is connected yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            timeout_s: How long connecting, and each answer, may take, in seconds.
        """
        self._place = redacted(url)
        self._options: dict[str, Any] = dict(parse_url(url))
        self.timeout_s = timeout_s
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run one of the scripts in `store/scripts`; see `attune.store.client.Store.run`."""
        text, digest = script(name)
        async with reaching(self._place):
            try:
                return await self._call("EVALSHA", digest, len(keys), *keys, *args)
            except ResponseError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
                return await self._call("EVAL", text, len(keys), *keys, *args)

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            StoreUnavailableError: There is none.
        """
        async with reaching(self._place):
            await self._call("PING")

    def close(self) -> None:
        """Close the connection; what waits for an answer fails."""
        if self._link is not None:
            self._link.close()

    async def store_ms(self, at_s: float) -> int:
        """Translate a time of the event loop's clock, in seconds, into the store's, in milliseconds since the epoch.

        Raises:
            StoreUnavailableError: There is no connection to compare the clocks over.
        """
        async with reaching(self._place):
            return int(1000 * (at_s + (await self._open_link()).ahead_s))

    async def _call(self, *command: str | bytes | int) -> Any:
        link = await self._open_link()
        answer = link.send(*command)
        try:
            return await _in_time(answer, self.timeout_s)
        except (asyncio.CancelledError, TimeoutError):
            # Answers are matched to commands by their order, so the connection goes.
            answer.cancel()
            link.close()
            raise

    async def _open_link(self) -> "_Link":
        link = self._link
        if link is None or not link.is_open:
            async with asyncio.timeout(self.timeout_s):
                link = await self._connect()
        return link

    async def _connect(self) -> "_Link":
        async with self._connecting:
            if self._link is None or not self._link.is_open:
                self._link = await self._new_link()
            return self._link

    async def _new_link(self) -> "_Link":
        loop, options = asyncio.get_running_loop(), self._options
        if "path" in options:
            _, link = await loop.create_unix_connection(_Link, options["path"])
        else:
            host, port = options.get("host", "localhost"), options.get("port", 6379)
            _, link = await loop.create_connection(_Link, host, port, ssl=_ssl_context(options))
        try:
            if options.get("password"):
                await link.send("AUTH", options.get("username") or "default", options["password"])
            if options.get("db"):
                await link.send("SELECT", options["db"])
            before_s = loop.time()
            seconds, microseconds = await link.send("TIME")
            link.ahead_s = int(seconds) + int(microseconds) / 1e6 - (before_s + loop.time()) / 2
        except BaseException:
            link.close()
            raise
        return link


async def _in_time(answer: asyncio.Future[Any], timeout_s: float) -> Any:
    """Wait for an answer; TimeoutError when it is not there in time."""
    done, _ = await asyncio.wait([answer], timeout=timeout_s)
    if not done:
        # When something else kept the loop busy, the answer may have arrived without having been read.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    if not answer.done():
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    return answer.result()


class _Link(asyncio.Protocol):
    """A connection: commands out, answers in, in the same order.

    Attributes:
        ahead_s: The store's clock minus the event loop's, in seconds.
    """

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self._reader = hiredis.Reader(replyError=ResponseError)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command; the future gets its answer."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection is closed")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(hiredis.pack_command(cast("Any", command)))
        return answer

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


def _ssl_context(options: dict[str, Any]) -> ssl.SSLContext | None:
    if options.get("connection_class") is not SSLConnection:
        return None
    described = {name: value for name, value in options.items() if name != "connection_class"}
    context: ssl.SSLContext = SSLConnection(**described).ssl_context.get()
    return context
