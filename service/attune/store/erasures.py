"""Erasures of customers: what is to be done, step by step, and the receipts of what was.

A record names the customer by the keyed hash as long as anything else may; the receipt that stays does not. Servers add
records, the learner carries them out (`attune.learning.eraser`). Each step changes a record only if it is as it was
read, so that whoever is overtaken changes nothing.
"""

import asyncio
import logging
from typing import Any

from redis.exceptions import NoPermissionError

from attune.errors import NotFoundError
from attune.storage.v1.records_pb2 import ErasureRecord, SeenRecord
from attune.store.client import Store, StoreRefusedError
from attune.store.keys import ERASURES_DONE, ERASURES_LEASE, ERASURES_OPEN, CustomerKeys
from attune.v1.customer_service_pb2 import ErasureReceipt

_REWRITE_LOOK_S = 0.05

_log = logging.getLogger(__name__)


class Erasures:
    """Reads and writes erasures."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def add(self, record: ErasureRecord) -> None:
        """Store a new one.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        await self._step(ErasureRecord(), record)

    async def change(self, before: ErasureRecord, after: ErasureRecord) -> bool:
        """Replace one; return whether it was as it was read.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        return await self._step(before, after)

    async def finish(self, record: ErasureRecord, now_ms: int) -> None:
        """Keep the receipt and nothing else.

        Args:
            record: As it was read.
            now_ms: Milliseconds since the epoch.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        done = ErasureRecord(receipt=record.receipt)
        done.receipt.completed_at.FromMilliseconds(now_ms)
        await self._step(record, done, is_done=True)

    async def open(self) -> list[ErasureRecord]:
        """Return those that are not done, the earliest first.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            values = await self._store.redis.hvals(ERASURES_OPEN)
        records = map(ErasureRecord.FromString, values)
        return sorted(records, key=lambda each: (requested_ms(each), each.receipt.receipt_id))

    async def receipt(self, receipt_id: str) -> ErasureReceipt:
        """Return a receipt as it stands now.

        Raises:
            NotFoundError: There is none with this id.
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.hget(ERASURES_OPEN, receipt_id).hget(ERASURES_DONE, receipt_id)
            found = [value for value in await pipeline.execute() if value is not None]
        if not found:
            raise NotFoundError(f'receipt_id: expected the id of a receipt, got "{receipt_id}"')
        return ErasureRecord.FromString(found[0]).receipt

    async def forget_shown(self, customer: bytes, until_ms: int) -> None:
        """Remove from a history what was shown up to a time: it was being decided when the customer was erased.

        Args:
            customer: The keyed hash.
            until_ms: Milliseconds since the epoch; what came later is of somebody who came back.

        Raises:
            StoreUnavailableError: The store did not answer in time; do it again.
        """
        key = CustomerKeys(customer).seen
        async with self._store.reaching():
            entries = await self._store.redis.lrange(key, 0, -1)
        if shown := [entry for entry in entries if SeenRecord.FromString(entry).at_ms <= until_ms]:
            await self._store.run("customer_unseen", [key], shown)

    async def take(self, owner: str, ttl_ms: int) -> bool:
        """Take the right to carry out erasures for a time, or keep it; return whether that is this one's.

        It only keeps two from doing the same work: if both do, all is right, too.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        return bool(await self._store.run("erasures_take", [ERASURES_LEASE], [owner, ttl_ms]))

    async def now_ms(self) -> int:
        """Return the time by the store's clock, milliseconds since the epoch.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            seconds, microseconds = await self._store.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _step(self, before: ErasureRecord, after: ErasureRecord, *, is_done: bool = False) -> bool:
        receipt_id = after.receipt.receipt_id
        args: list[str | bytes | int] = [receipt_id, _stored(before), _stored(after), int(is_done)]
        return bool(await self._store.run("erasure_step", [ERASURES_OPEN, ERASURES_DONE], args))


def requested_ms(record: ErasureRecord) -> int:
    """Return when an erasure was asked for, milliseconds since the epoch by the store's clock."""
    return record.receipt.requested_at.ToMilliseconds()


def _stored(record: ErasureRecord) -> bytes:
    return record.SerializeToString(deterministic=True)


async def rewrite(store: Store) -> None:
    """Write the file of the store anew, where it has one of all writes, so that it forgets what is there no more.

    Raises:
        StoreRefusedError: It could not be written.
        StoreUnavailableError: The store did not answer in time.
    """
    state = await _rewritten(store)  # one that is under way may have begun too early
    if not state.get("aof_enabled"):
        return
    async with store.reaching():
        try:
            await store.redis.bgrewriteaof()
        except NoPermissionError as error:
            _log.warning("the store's file was not written anew and may still have what was erased: %s", error)
            return
    state = await _rewritten(store)
    if state["aof_last_bgrewrite_status"] != "ok":
        raise StoreRefusedError(f"the store at {store.place} could not write its file anew")


async def _rewritten(store: Store) -> dict[str, Any]:
    """Wait until the file is not being written anew; return the state."""
    while True:
        state = await _persistence(store)
        if not (state.get("aof_rewrite_in_progress") or state.get("aof_rewrite_scheduled")):
            return state
        await asyncio.sleep(_REWRITE_LOOK_S)


async def _persistence(store: Store) -> dict[str, Any]:
    [state, *_] = await store.info("persistence")
    return state
