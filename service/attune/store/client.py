"""Connections to the store, and the scripts that run in it.

Nothing is retried: redis-py repeats a write that timed out by default, and a write that timed out may have happened.
Decisions go through a connection of their own, `attune.store.pipe`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from attune.errors import NotFoundError, StoreUnavailableError
from attune.store_url import Kind, StoreUrl, parse, redacted

_MAX_CONNECTIONS = 32
# A cluster's client asks its servers for their slots over connections of the same pools.
_SPARE_CONNECTIONS = 8


class StoreRefusedError(StoreUnavailableError):
    """The store answered, but would not do it: it is full, read-only or still loading."""


class Store:
    """A client of the store with one time limit for every command."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepare a client; nothing is connected yet.

        Args:
            url: One of `attune.store_url.FORMS`.
            timeout_s: How long connecting, and each answer, may take, in seconds.
        """
        self.place = redacted(url)
        self.timeout_s = timeout_s
        # Any: redis-py declares every answer as bytes | str, whatever the client was told to decode.
        self.redis: Any
        self.redis, self._sentinel = _clients(parse(url), timeout_s)
        self._is_cluster = isinstance(self.redis, RedisCluster)
        # A burst waits for a connection: the pool would refuse it.
        self._free = asyncio.Semaphore(_MAX_CONNECTIONS)

    @asynccontextmanager
    async def reaching(self) -> AsyncIterator[None]:
        """Wait for a free connection, and turn the client library's errors into ours; not to be nested.

        Raises:
            StoreRefusedError: The store refuses to write.
            StoreUnavailableError: No answer in time, or no connection.
        """
        async with self._free, reaching(self.place):
            if self._is_cluster:
                await self.redis.initialize()  # does nothing while it is known which server has which slot
            try:
                yield
            except ReadOnlyError:
                # The master has become a replica. Its name may lead to the new one by now: connect again.
                if not self._is_cluster:
                    await self.redis.connection_pool.disconnect(inuse_connections=False)
                raise

    def shard(self, key: str) -> str:  # noqa: ARG002 - as of a pipe
        """Return what a key shares with those that are out of reach together with it: here, with every other."""
        return ""

    async def ping(self, key: str = "") -> None:  # noqa: ARG002 - as of a pipe
        """Ask for a sign of life.

        Raises:
            StoreUnavailableError: There is none.
        """
        async with self.reaching():
            await self.redis.ping()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run one of the scripts in `store/scripts` as one atomic step.

        Args:
            name: File name without `.lua`.
            keys: Every key the script touches.
            args: Its arguments.

        Raises:
            NotFoundError: The placement the keys belong to is gone.
            StoreUnavailableError: The store did not answer in time; the step may or may not have happened.
        """
        text, digest = script(name)
        async with self.reaching():
            try:
                return await self.redis.evalsha(digest, len(keys), *keys, *args)
            except NoScriptError:  # the store was restarted, or has never seen it
                return await self.redis.eval(text, len(keys), *keys, *args)

    async def info(self, section: str) -> list[dict[str, Any]]:
        """Return a section of INFO of each server that takes writes.

        Raises:
            StoreUnavailableError: The store did not answer in time, or does not tell.
        """
        async with self.reaching():
            nodes = self.redis.get_primaries() if self._is_cluster else [None]
            return [await self.redis.info(section, **({"target_nodes": node} if node else {})) for node in nodes]

    async def scan(self, near: str, pattern: str, count: int) -> AsyncIterator[list[str]]:
        """Look for keys, a few at a time.

        Args:
            near: A key that lives on the same server of a cluster as those that are looked for.
            pattern: A glob.
            count: How many keys to look at in one step.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        cursor, started = 0, False
        while cursor or not started:
            async with self.reaching():
                if self._is_cluster:
                    node = self.redis.get_node_from_key(near)
                    cursors, found = await self.redis.scan(cursor, pattern, count, target_nodes=node)
                    [cursor] = cursors.values()
                else:
                    cursor, found = await self.redis.scan(cursor, pattern, count)
            started = True
            yield [key.decode() for key in found]

    async def close(self) -> None:
        """Close every connection."""
        await self.redis.aclose()
        if self._sentinel is not None:
            await self._sentinel.aclose()


def _clients(url: StoreUrl, timeout_s: float) -> tuple[Any, Sentinel | None]:
    """Return redis-py's client for a URL, and the one for the Sentinels where it names them."""
    limits: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    tls: dict[str, Any] = {} if url.tls is None else {"ssl": True, **url.tls}
    options = {**limits, **tls, **url.login, "retry": Retry(NoBackoff(), 0), "max_connections": _MAX_CONNECTIONS}
    if url.kind is Kind.CLUSTER:
        options["max_connections"] += _SPARE_CONNECTIONS
        return RedisCluster(startup_nodes=[ClusterNode(*address) for address in url.addresses], **options), None
    if url.kind is Kind.SENTINEL:
        asking = {**limits, **tls, **url.sentinel_login, "retry": Retry(NoBackoff(), 0)}
        sentinel = Sentinel(url.addresses, sentinel_kwargs=asking, **options)  # type: ignore[no-untyped-call]
        return sentinel.master_for(url.service, db=url.db), sentinel
    if url.path:
        return Redis(unix_socket_path=url.path, db=url.db, **options), None
    [(host, port)] = url.addresses
    return Redis(host=host, port=port, db=url.db, **options), None


@asynccontextmanager
async def reaching(place: str) -> AsyncIterator[None]:
    """Turn the client library's errors into ours.

    Args:
        place: The store's URL without its password, for the message.

    Raises:
        NotFoundError: A script found that the placement is gone.
        StoreRefusedError: The store refuses to write.
        StoreUnavailableError: No answer in time, or no connection.
    """
    try:
        yield
    except ResponseError as error:
        if "EXPIRED" in str(error):
            raise StoreUnavailableError(f"the store at {place} was too slow: nothing was written") from error
        if "NOPLACEMENT" in str(error):
            raise NotFoundError("placement: expected an applied placement, got one that was deleted") from error
        raise StoreRefusedError(f"the store at {place} refuses: {error}") from error
    except MasterNotFoundError as error:  # its text is a description of every object involved
        raise StoreUnavailableError(f"the store at {place} is out of reach: the Sentinels name no master") from error
    # The last one is no RedisError: no server of the cluster answers, or none has the slot.
    except (RedisConnectionError, RedisTimeoutError, OSError, RedisClusterException) as error:
        reason = str(error) or type(error).__name__
        raise StoreUnavailableError(f"the store at {place} is out of reach: {reason}") from error
    except RedisError as error:
        raise StoreRefusedError(f"the store at {place} answered something unexpected: {error}") from error


@cache
def script(name: str) -> tuple[str, str]:
    """Return the text of a script and the digest that EVALSHA knows it by."""
    text = files("attune.store").joinpath("scripts", f"{name}.lua").read_text()
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()
