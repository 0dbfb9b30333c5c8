"""Connections for the decision path: commands follow each other without waiting for answers.

redis-py spends several times the CPU of the parser below it on each call (pool, retries, checks, streams): a good part
of all that a decision may cost. So the journal talks to the store through hiredis, the same parser, over one connection
for each server that has some of the keys. Everything else goes through `attune.store.client`.
See docs/decisions/0006-a-pipe-to-the-store.md.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from attune.store.client import reaching, script
from attune.store.link import Link
from attune.store.routes import routes
from attune.store_url import parse, redacted

_MOST_REDIRECTIONS = 3
_LAST_LOOKS = 2


class Pipe:
    """A client of the store that is made for one kind of call, in great numbers."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepare a client; nothing is connected yet.

        Args:
            url: Of the store, one of `attune.store_url.FORMS`.
            timeout_s: How long connecting, and each answer, may take, in seconds.
        """
        self._place = redacted(url)
        self._routes = routes(parse(url))
        self.timeout_s = timeout_s
        self._links: dict[str, Link] = {}
        self._connecting: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run one of the scripts in `store/scripts`; see `attune.store.client.Store.run`."""
        text, digest = script(name)
        key = keys[0] if keys else ""
        async with reaching(self._place):
            try:
                return await self._call(key, "EVALSHA", digest, len(keys), *keys, *args)
            except ResponseError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
                return await self._call(key, "EVAL", text, len(keys), *keys, *args)

    def shard(self, key: str) -> str:
        """Return what a key shares with those that are out of reach together with it."""
        return self._routes.shard(key)

    async def ping(self, key: str = "") -> None:
        """Ask the server that has this key for a sign of life.

        Raises:
            StoreUnavailableError: There is none.
        """
        async with reaching(self._place):
            await self._call(key, "PING")

    def close(self) -> None:
        """Close the connections; what waits for an answer fails."""
        for link in self._links.values():
            link.close()

    async def store_ms(self, at_s: float, key: str = "") -> int:
        """Translate a time of the event loop's clock into that of the server that has a key.

        Args:
            at_s: In seconds.
            key: The key.

        Returns:
            Milliseconds since the epoch.

        Raises:
            StoreUnavailableError: There is no connection to compare the clocks over.
        """
        async with reaching(self._place):
            return int(1000 * (at_s + (await self._open_link(key)).ahead_s))

    async def _call(self, key: str, *command: str | bytes | int) -> Any:
        for _ in range(_MOST_REDIRECTIONS):
            link = await self._open_link(key)
            try:
                return await self._answer(link, command)
            except ResponseError as error:
                # Nothing was done: the server says who has the key instead.
                word, *to = str(error).split(" ")
                if word != "MOVED":
                    raise
                host, _, port = to[1].rpartition(":")
                self._routes.moved(int(to[0]), (host, int(port)))
        raise ConnectionError("the servers of the cluster redirect in circles")

    async def _answer(self, link: Link, command: Sequence[str | bytes | int]) -> Any:
        answer = link.send(*command)
        try:
            return await _in_time(answer, self.timeout_s)
        except (asyncio.CancelledError, TimeoutError):
            # Answers are matched to commands by their order, so the connection goes.
            answer.cancel()
            link.close()
            self._routes.forget()
            raise
        except ConnectionError:
            self._routes.forget()
            raise
        except ResponseError as error:
            if str(error).startswith("READONLY"):  # a master no longer: the next connection may lead to the new one
                link.close()
                self._routes.forget()
            raise

    async def _open_link(self, key: str) -> Link:
        link = self._links.get(self._routes.shard(key))
        if link is None or not link.is_open:
            try:
                async with asyncio.timeout(self.timeout_s):
                    link = await self._connect(key)
            except OSError:
                self._routes.forget()
                raise
        return link

    async def _connect(self, key: str) -> Link:
        await self._routes.locate(key)
        shard = self._routes.shard(key)
        async with self._connecting[shard]:
            link = self._links.get(shard)
            if link is None or not link.is_open:
                link = self._links[shard] = await self._routes.open(key)
            return link


async def _in_time(answer: asyncio.Future[Any], timeout_s: float) -> Any:
    """Wait for an answer; TimeoutError when it is not there in time."""
    # A timer costs a third of what `asyncio.wait` does.
    timer = asyncio.get_running_loop().call_later(timeout_s, _give_up, answer, timeout_s, _LAST_LOOKS)
    try:
        return await answer
    finally:
        timer.cancel()


def _give_up(answer: asyncio.Future[Any], timeout_s: float, looks: int) -> None:
    if answer.done():
        return
    if looks:
        # When something else kept the loop busy, the answer may have arrived without having been read.
        asyncio.get_running_loop().call_soon(_give_up, answer, timeout_s, looks - 1)
    else:
        answer.set_exception(TimeoutError(f"no answer within {timeout_s:g} s"))
