"""Carries out erasures, many at a time: what is left of customers goes, and policies are trained without them.

    wait until nothing of them is in flight ─▶ remove ─▶ train anew ─▶ drop what had learned from them ─▶ receipts

All that are due are one batch: the log is read once and each policy is trained once, however many they are. Each step
is noted in the store, can be done again and changes nothing then; after a crash, whoever comes next begins the batch
again and comes to the same end. Who works has a lease, renews it meanwhile, and stops when somebody else has it.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from attune.errors import ExpectedError, NotFoundError, StoreUnavailableError
from attune.storage.v1.records_pb2 import ErasureRecord
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.erasing import Erased, PlacementErasing
from attune.store.erasures import Erasures, requested_ms, rewrite
from attune.store.placements import Placements
from attune.tasks import end, pause

_LOOK_S = 0.25
_RETRY_S = 2.0
_LEASE_MS = 3000
_RENEWALS_PER_LEASE = 4

_log = logging.getLogger(__name__)


class Eraser:
    """Carries out the erasures of a store; of several processes, one at a time."""

    def __init__(
        self, store: Store, owner: str, settles_s: float, *, rewrites: bool, lease_ms: int = _LEASE_MS
    ) -> None:
        """Prepare to erase.

        Args:
            store: The store.
            owner: Who this is, as `host:pid`.
            settles_s: How long, in seconds, a decision may take that began before a customer was erased.
            rewrites: Whether the file of the store is written anew afterwards: it is ours.
            lease_ms: How long after its last sign of life another process may go on, in milliseconds.
        """
        self._store = store
        self._owner = owner
        self._settles_ms = int(settles_s * 1000)
        self._rewrites = rewrites
        self._lease_ms = lease_ms
        self._erasures = Erasures(store)
        self._placements = Placements(store)
        # The batch whose removal is done, so that waiting for a training costs next to nothing.
        self._removed = ""

    async def run(self, stopping: asyncio.Event) -> None:
        """Erase until told to stop; what was begun goes on with the next start."""
        while not stopping.is_set():
            pause_s = _RETRY_S
            try:
                await self.look()
                pause_s = _LOOK_S
            except ExpectedError as error:
                _log.warning("cannot erase customers now, trying again in %g s: %s", _RETRY_S, error)
            # An erasure was promised: a bug is logged and tried again, and ends neither this task nor the learner's.
            except Exception:  # noqa: BLE001 - learning goes on, and the next look may do better
                _log.exception("cannot erase customers now, trying again in %g s", _RETRY_S)
            await pause(stopping, pause_s)

    async def look(self) -> bool:
        """Carry out what can be done now; return whether anything is left to do.

        Raises:
            StoreUnavailableError: The store did not answer in time; look again later.
        """
        records = await self._erasures.open()
        if not records:
            return False
        if await self._erasures.take(self._owner, self._lease_ms) and (batch := await self._batch(records)):
            await self._while_ours(self._carry_out(batch))
        return True

    async def _while_ours(self, work: Coroutine[Any, Any, None]) -> None:
        """Work as long as nobody else has the right to."""
        working, keeping = asyncio.create_task(work), asyncio.create_task(self._keep())
        try:
            await asyncio.wait((working, keeping), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            else:
                _log.warning("somebody else carries out the erasures: this one was not heard of for too long")
        finally:
            await end(working, keeping)

    async def _keep(self) -> None:
        """Renew the lease until somebody else has it."""
        while True:
            await asyncio.sleep(self._lease_ms / _RENEWALS_PER_LEASE / 1000)
            try:
                if not await self._erasures.take(self._owner, self._lease_ms):
                    return
            except StoreUnavailableError as error:
                _log.debug("the lease of erasures is not renewed now: %s", error)

    async def _batch(self, records: Sequence[ErasureRecord]) -> list[ErasureRecord]:
        """Return what is carried out together: what was begun, else all that nothing is in flight of."""
        if begun := [record for record in records if record.batch]:
            # All of them have the same, unless one was marked while another process began; then they go one by one.
            return [record for record in begun if record.batch == begun[0].batch]
        now_ms = await self._erasures.now_ms()
        batch, marked = uuid4().hex, []
        for record in records:
            if requested_ms(record) + self._settles_ms < now_ms:
                after = ErasureRecord()
                after.CopyFrom(record)
                after.batch = batch
                if await self._erasures.change(record, after):
                    marked.append(after)
        return marked

    async def _carry_out(self, batch: Sequence[ErasureRecord]) -> None:
        waiting = [record for record in batch if record.customers]
        at = [PlacementErasing(self._store, name, batch[0].batch) for name in await self._placements.names()]
        if waiting:
            if self._removed != batch[0].batch:
                await self._remove(waiting, at)
                self._removed = batch[0].batch
            if not all([await placement.is_trained() for placement in at]):
                return
            for placement in at:
                with suppress(NotFoundError):  # deleted meanwhile, and everything with it
                    await placement.drop_former()
            await self._note(waiting, at)
        for placement in at:
            await placement.end(record.receipt.receipt_id for record in batch)
        await self._finish(batch)

    async def _remove(self, records: Sequence[ErasureRecord], at: Iterable[PlacementErasing]) -> None:
        await self._forget(records)
        customers = {
            customer: Erased(record.receipt.receipt_id, requested_ms(record) + self._settles_ms)
            for record in records
            for customer in record.customers
        }
        for placement in at:
            with suppress(NotFoundError):
                await placement.remove(customers, _named(records, placement.name))
                await placement.begin_anew()
                await placement.copy_streams()
        # Who repeated a request before its decision was gone has had what it showed noted once more.
        await self._forget_shown(records)

    async def _forget(self, records: Sequence[ErasureRecord]) -> None:
        """Remove what is stored under customers, should that not have been done, and what was in flight then."""
        for customer in [customer for record in records if not record.forgotten for customer in record.customers]:
            await Customers(self._store).delete(customer)
        await self._forget_shown(records)

    async def _forget_shown(self, records: Iterable[ErasureRecord]) -> None:
        for record in records:
            for customer in record.customers:
                await self._erasures.forget_shown(customer, requested_ms(record) + self._settles_ms)

    async def _note(self, records: Sequence[ErasureRecord], at: Iterable[PlacementErasing]) -> None:
        """Note what was removed; from here on nothing names the customers."""
        ids = [record.receipt.receipt_id for record in records]
        removed = [await placement.removed(ids) for placement in at]
        for record in records:
            after = ErasureRecord(receipt=record.receipt, batch=record.batch)
            receipt_id = record.receipt.receipt_id
            after.receipt.placements.extend(each[receipt_id] for each in removed if receipt_id in each)
            await self._erasures.change(record, after)

    async def _finish(self, batch: Sequence[ErasureRecord]) -> None:
        if self._rewrites:
            await rewrite(self._store)
        now_ms, ids = await self._erasures.now_ms(), {record.receipt.receipt_id for record in batch}
        for record in await self._erasures.open():
            if record.receipt.receipt_id in ids and not record.customers:
                await self._erasures.finish(record, now_ms)
        _log.info("%d customers were erased", len(batch))


def _named(records: Iterable[ErasureRecord], placement: str) -> list[tuple[str, str]]:
    """Return the decisions at a placement that histories named, each with the id of the receipt."""
    return [
        (decision.event_id, record.receipt.receipt_id)
        for record in records
        for decision in record.decisions
        if decision.placement == placement
    ]
