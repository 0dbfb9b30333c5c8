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

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from attune.config import redacted
from attune.errors import NotFoundError, StoreUnavailableError

_MAX_CONNECTIONS = 32


class StoreRefusedError(StoreUnavailableError):
    """The store answered, but would not do it: it is full, read-only or still loading."""


class Store:
    """A client of the store with one time limit for every command."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepare a client; nothing is connected yet.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            timeout_s: How long connecting, and each answer, may take, in seconds.
        """
        self.place = redacted(url)
        # Any: redis-py declares every answer as bytes | str, whatever the client was told to decode.
        self.redis: Any = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            max_connections=_MAX_CONNECTIONS,
        )
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
            yield

    async def ping(self) -> None:
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

    async def close(self) -> None:
        """Close every connection."""
        await self.redis.aclose()


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
    except (RedisConnectionError, RedisTimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise StoreUnavailableError(f"the store at {place} is out of reach: {reason}") from error
    except RedisError as error:
        raise StoreRefusedError(f"the store at {place} answered something unexpected: {error}") from error


@cache
def script(name: str) -> tuple[str, str]:
    """Return the text of a script and the digest that EVALSHA knows it by."""
    text = files("attune.store").joinpath("scripts", f"{name}.lua").read_text()
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()
