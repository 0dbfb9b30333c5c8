"""Connections for the decision path: commands follow each other without waiting for answers.

redis-py spends several times the CPU of the parser below it on each call (pool, retries, checks, streams): a good part
of all that a decision may cost. So the journal talks to the store through hiredis, the same parser, over one connection
for each server that has some of the keys. Everything else goes through `attune.store.client`.

A script call is sent without a task of its own where the connection is there, which it nearly always is (`Pipe.send`);
what then is no plain answer is for the slower way, which knows about connecting, redirections and unknown scripts.
See docs/decisions/0006-a-pipe-to-the-store.md.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from redis.exceptions import ResponseError

from attune.store.client import reaching, script
from attune.store.link import Link
from attune.store.routes import routes
from attune.store.time_limit import TimeLimit
from attune.store_url import parse, redacted

_MOST_REDIRECTIONS = 3

_Command: TypeAlias = tuple[str | bytes | int, ...]


class Sent(NamedTuple):
    """A script call that was sent.

    Attributes:
        answer: The script's answer, or what went wrong.
        finish: To be awaited when something went wrong: does what can be done about it and returns the script's answer,
            or raises what `Pipe.run` does.
    """

    answer: asyncio.Future[Any]
    finish: Callable[[], Awaitable[Any]]


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
        self._limit = TimeLimit(timeout_s)
        self._links: dict[str, Link] = {}
        self._connecting: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run one of the scripts in `store/scripts`; see `attune.store.client.Store.run`."""
        return await self._run(name, keys[0] if keys else "", (len(keys), *keys, *args))

    def link(self, key: str) -> Link | None:
        """Return the connection with the server that has a key, if it is open."""
        link = self._links.get(self._routes.shard(key))
        return link if link is not None and link.is_open else None

    def send(
        self, link: Link, name: str, keys: Sequence[str], args: Sequence[str | bytes | int], *, waits: bool = False
    ) -> Sent:
        """Send a script call without waiting for anything.

        Args:
            link: From `link`, in this turn of the event loop.
            name: Of one of the scripts in `store/scripts`.
            keys: Every key the script touches, at least one.
            args: Its arguments.
            waits: Whether it waits for others to leave with; see `Link.send`.
        """
        operands = (len(keys), *keys, *args)
        answer = self._send(link, ("EVALSHA", script(name)[1], *operands), waits=waits)
        return Sent(answer, partial(self._run, name, keys[0], operands, (link, answer)))

    def shard(self, key: str) -> str:
        """Return what a key shares with those that are out of reach together with it."""
        return self._routes.shard(key)

    def together(self, key: str) -> Hashable:
        """Return what a key shares with those that may stand in one script call with it."""
        return self._routes.together(key)

    async def ping(self, key: str = "") -> None:
        """Ask the server that has this key for a sign of life.

        Raises:
            StoreUnavailableError: There is none.
        """
        async with reaching(self._place):
            await self._call(key, ("PING",))

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
            return (await self._open_link(key)).server_ms(at_s)

    async def _run(
        self, name: str, key: str, operands: _Command, sent: tuple[Link, asyncio.Future[Any]] | None = None
    ) -> Any:
        text, digest = script(name)
        async with reaching(self._place):
            try:
                return await self._call(key, ("EVALSHA", digest, *operands), sent)
            except ResponseError as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
                return await self._call(key, ("EVAL", text, *operands))

    async def _call(self, key: str, command: _Command, sent: tuple[Link, asyncio.Future[Any]] | None = None) -> Any:
        """Return the answer to a command, which may have been sent already, over a link that was the right one then."""
        for _ in range(_MOST_REDIRECTIONS):
            if sent is None:
                link = await self._open_link(key)
                sent = link, self._send(link, command)
            try:
                return await self._answer(*sent)
            except ResponseError as error:
                # Nothing was done: the server says who has the key instead.
                word, *to = str(error).split(" ")
                if word != "MOVED":
                    raise
                host, _, port = to[1].rpartition(":")
                self._routes.moved(int(to[0]), (host, int(port)))
                sent = None
        raise ConnectionError("the servers of the cluster redirect in circles")

    def _send(self, link: Link, command: _Command, *, waits: bool = False) -> asyncio.Future[Any]:
        answer = link.send(*command, waits=waits)
        self._limit.watch(answer)
        return answer

    async def _answer(self, link: Link, answer: asyncio.Future[Any]) -> Any:
        try:
            return await answer
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
        link = self.link(key)
        if link is None:
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
