"""The journal: decisions on their way into the store, many in one script call.

A decision is acknowledged to the caller only after the call that carries it has been answered. How decisions share
calls, and what happens when the store does not keep up or is away: `attune.store.batcher`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from attune.errors import OverloadedError, StoreUnavailableError
from attune.metrics import ServingMetrics
from attune.store.batch import Bounds, Events
from attune.store.batcher import Batcher
from attune.store.keys import DEFERRED_TTL_S, PlacementKeys
from attune.store.outages import Outages
from attune.store.pipe import Pipe, Sent

DEFERRED = 0
"""Stands for the reward window of a decision that is to be activated first."""


_NO_SET = b"!"


class Along(Protocol):
    """What has to leave before a decision."""

    def send(self, together: Sequence[Any], /) -> None:
        """Let several of a kind leave, this one among them, before what is sent next."""


class Entry(NamedTuple):
    """A decision that is to be written.

    Attributes:
        event_id: Its id.
        record: A serialised storage.v1.DecisionRecord.
        offer_set: The digest of the set of offers that it names, empty where it names none.
        along: What has to leave right before it, in this order.
    """

    event_id: str
    record: bytes
    offer_set: bytes = b""
    along: Sequence[Along] = ()


class Journal:
    """Writes decisions into the store."""

    def __init__(
        self,
        pipe: Pipe,
        metrics: ServingMetrics | None = None,
        bounds: Bounds | None = None,
        offers_lost: Callable[[PlacementKeys], None] = lambda _: None,
    ) -> None:
        """Prepare to write.

        Args:
            pipe: A client whose time limit is the longest that a decision may wait.
            metrics: What is told of outages.
            bounds: How much may wait.
            offers_lost: Called when a decision names a set of offers that the store does not have.
        """
        self._offers_lost = offers_lost
        metrics = metrics or ServingMetrics()
        self._pipe = pipe
        events = Events(
            failing="decisions are not journaled",
            working="decisions are journaled again",
            overflowed=lambda: metrics.refused("journal"),
            lost_store=metrics.lost_store,
        )
        self._batcher: Batcher[int, Entry, bytes | None] = Batcher(
            pipe, self._write, events, bounds, send=self._send, fails_fast=True
        )

    async def append(
        self,
        keys: PlacementKeys,
        window_ms: int,
        event_id: str,
        record: bytes,
        offer_set: bytes = b"",
        *,
        along: Sequence[Along] = (),
    ) -> bytes | None:
        """Write a decision unless there is one with its id.

        Args:
            keys: The placement's keys.
            window_ms: Its reward window in milliseconds; `DEFERRED` for a decision whose window does not open yet.
            event_id: See `Entry`.
            record: The same.
            offer_set: The same.
            along: The same.

        Returns:
            None when it was written, else what was there: a record, or `@` and a position in the training log.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; the decision may or may not have been written. Or
                the store does not have the set of offers; the decision was not written, because nobody could read it.
            OverloadedError: Too much waits for the store; the decision was not written.
        """
        found = await self._batcher.add(keys, window_ms, Entry(event_id, record, offer_set, along), len(record))
        if found == _NO_SET:
            raise self._lost(keys)
        return found

    async def append_many(
        self, keys: PlacementKeys, window_ms: int, entries: Sequence[Entry]
    ) -> list[bytes | Exception | None]:
        """Write decisions, each unless there is one with its id; in one script call where they fit, in their order.

        Args:
            keys: The placement's keys.
            window_ms: Their reward window in milliseconds, or `DEFERRED`.
            entries: The decisions.

        Returns:
            For each what `append` would have returned, or the error that it would have raised.
        """
        try:
            found = await self._batcher.add_many(keys, window_ms, [(entry, len(entry.record)) for entry in entries])
        except (StoreUnavailableError, OverloadedError) as error:
            return [error] * len(entries)
        return found if _NO_SET not in found else [self._lost(keys) if each == _NO_SET else each for each in found]

    @property
    def outages(self) -> Outages:
        """Which servers of the store are out of reach: others who use the connection need not find out themselves."""
        return self._batcher.outages

    @property
    def timeout_s(self) -> float:
        """For how long a decision may wait for the store, in seconds."""
        return self._pipe.timeout_s

    def waited_s(self) -> float:
        """Return for how long what waits for the store has been waiting, in seconds; 0 where nothing does."""
        return self._batcher.waited_s()

    async def close(self) -> None:
        """Wait until everything that was appended has been answered."""
        await self._batcher.close()

    def _lost(self, keys: PlacementKeys) -> StoreUnavailableError:
        self._offers_lost(keys)
        return StoreUnavailableError("the store has lost the offers that were drawn from: try again in a moment")

    def _send(self, keys: PlacementKeys, window_ms: int, entries: Sequence[Entry]) -> Sent | None:
        if (link := self._pipe.link(keys.spec)) is None:
            return None
        deadline_ms = link.server_ms(self._until_s())
        _send_along(entries)
        return self._pipe.send(link, "journal", *_operands(keys, window_ms, deadline_ms, entries))

    async def _write(self, keys: PlacementKeys, window_ms: int, entries: Sequence[Entry]) -> Sequence[bytes | None]:
        deadline_ms = await self._pipe.store_ms(self._until_s(), keys.spec)
        _send_along(entries)
        found: list[bytes | None] = await self._pipe.run("journal", *_operands(keys, window_ms, deadline_ms, entries))
        return found

    def _until_s(self) -> float:
        return asyncio.get_running_loop().time() + self._pipe.timeout_s


def _operands(
    keys: PlacementKeys, window_ms: int, deadline_ms: int, entries: Sequence[Entry]
) -> tuple[list[str], list[str | bytes | int]]:
    """Return the keys and the arguments of `journal.lua`."""
    prefix = keys.events
    touched = [keys.spec, keys.due, keys.counts, keys.offersets, *[prefix + entry.event_id for entry in entries]]
    args: list[str | bytes | int] = [window_ms, deadline_ms, DEFERRED_TTL_S]
    for event_id, record, offer_set, _ in entries:
        args += (event_id, record, offer_set)
    return touched, args


def _send_along(entries: Sequence[Entry]) -> None:
    kinds: dict[type[Along], list[Along]] = {}
    for entry in entries:
        for along in entry.along:
            kinds.setdefault(type(along), []).append(along)
    for together in kinds.values():
        together[0].send(together)
