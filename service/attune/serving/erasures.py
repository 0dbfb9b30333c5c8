"""Customers who want to be erased: what is stored under them goes at once, the rest is noted for the learner.

api/customers ─▶ here ─▶ store/erasures ─▶ learning/eraser ─▶ store/erasing
"""

import time
from typing import NamedTuple
from uuid import uuid4

from attune.serving.customers import KnownCustomers
from attune.storage.v1.records_pb2 import ErasureRecord, NamedDecision
from attune.store.customers import Customers
from attune.store.erasures import Erasures
from attune.v1.customer_service_pb2 import ErasureReceipt


class Begun(NamedTuple):
    """An erasure that has begun.

    Attributes:
        receipt: What was removed so far.
        customers: The keyed hashes of the customer.
    """

    receipt: ErasureReceipt
    customers: tuple[bytes, ...]


class CustomerErasures:
    """Begins erasures, and finds their receipts."""

    def __init__(self, known: KnownCustomers, customers: Customers, erasures: Erasures) -> None:
        """Work with these."""
        self._known = known
        self._customers = customers
        self._erasures = erasures

    async def erase(self, customer_id: str) -> Begun:
        """Remove what is stored under a customer, and note what else is to be removed.

        It is noted first: whatever dies in between, it is carried out.

        Raises:
            CustomersNotKeptError: There is no key.
            StoreUnavailableError: The store did not answer in time; it may have begun, and beginning again is safe.
        """
        hashes = self._known.known_as(customer_id).every
        record = ErasureRecord(receipt=ErasureReceipt(receipt_id=uuid4().hex), customers=hashes)
        # Decisions have the server's time: where its clock is ahead of the store's, theirs would be later than this.
        now_ms = max(await self._erasures.now_ms(), time.time_ns() // 1_000_000)
        record.receipt.requested_at.FromMilliseconds(now_ms)
        for customer in hashes:
            profile, seen = await self._customers.read(customer)
            record.receipt.profile |= profile is not None
            record.receipt.history_entries += len(seen)
            named = dict.fromkeys((each.placement, each.event_id) for each in seen)
            record.decisions.extend(NamedDecision(placement=place, event_id=event_id) for place, event_id in named)
        await self._erasures.add(record)
        for customer in hashes:
            await self._customers.delete(customer)
        forgotten = ErasureRecord()
        forgotten.CopyFrom(record)
        forgotten.forgotten = True
        await self._erasures.change(record, forgotten)
        return Begun(forgotten.receipt, hashes)

    async def receipt(self, receipt_id: str) -> ErasureReceipt:
        """Return a receipt as it stands now.

        Raises:
            NotFoundError: There is none with this id.
            StoreUnavailableError: The store did not answer in time.
        """
        return await self._erasures.receipt(receipt_id)
