"""For whom decisions are made: read in one round trip, at the moment of the decision, and told what they were shown.

Nothing is kept here, so a decision knows what the last call has written. Where what may be shown depends on what was
shown before, decisions of one customer are made one after the other in a process: the next one begins to read when the
last one is in the history. Decisions of other processes may be under way meanwhile: of so many processes, a cap is
exceeded by one less.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

from google.protobuf.message import DecodeError

from attune.errors import ExpectedError, StoreUnavailableError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.circumstances import Visitor
from attune.serving.customer_ids import Customer
from attune.serving.customers import CustomerRules
from attune.serving.live import LivePlacement
from attune.serving.meetings import Meeting, Turns
from attune.serving.seen import Seen, lacking
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.store.customers import MOST_SEEN, Customers
from attune.store.history import Adding, History, Known
from attune.store.keys import CustomerKeys
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE, Placement

_log = logging.getLogger(__name__)

_NOBODY = Visitor(withheld=True)


class Visitors:
    """Knows for whom decisions are made.

    Attributes:
        rules: How profiles are kept.
        keys: What digests of requests are keyed with, and were before.
    """

    def __init__(self, rules: CustomerRules, history: History, customers: Customers) -> None:
        """Take how customers are kept, and where.

        Args:
            rules: How; there is a key.
            history: Reads them, and is told what they were shown.
            customers: Moves those who are still stored under a former key.
        """
        self._ids, self._consent = rules.ids, rules.consent
        self._history = history
        self._customers = customers
        self._turns = Turns()
        self.rules = rules.profile
        self.keys = rules.ids.every

    async def meet(self, request: DecideEnvelope, live: LivePlacement) -> tuple[Visitor | ExpectedError, bytes]:
        """Read the customer of a request; `met` does that for several.

        Args:
            request: One with a customer_id.
            live: Its placement.

        Returns:
            Whom it is for, or the error, as of `Meeting`; and what others wait for until `leave` is called with it,
            empty where that does not matter.
        """
        customer = self._ids.of(request.customer_id)
        in_turn = live.guard.looks_back
        while True:
            if in_turn:
                await self._turns.begin(customer.key)
            try:
                known = await self._history.read_one(CustomerKeys(customer.key), whole=in_turn)
                visitor = await self._found(customer, known, in_turn=in_turn)
            except BaseException:
                if in_turn:
                    self._turns.end(customer.key)
                raise
            # What a customer has said may look back, too; that is not known before.
            if in_turn or isinstance(visitor, StoreUnavailableError) or not _said_looks_back(visitor, live.placement):
                return _answerable(visitor, live.placement), customer.key if in_turn else b""
            in_turn = True

    def leave(self, held: bytes) -> None:
        """Let others decide for a customer."""
        if held:
            self._turns.end(held)

    def met(self, asked: Sequence[tuple[DecideEnvelope, LivePlacement]]) -> Meeting:
        """Read the customers of some requests, and keep others from deciding for them where that matters.

        Args:
            asked: Requests with a customer_id, each with its placement.
        """
        return Meeting(self._turns, partial(self._arrived, asked))

    async def _arrived(
        self,
        asked: Sequence[tuple[DecideEnvelope, LivePlacement]],
        hold: Callable[[Collection[bytes]], Awaitable[None]],
    ) -> list[Visitor | ExpectedError]:
        who = [self._ids.of(request.customer_id) for request, _ in asked]
        in_turn = {each.key for each, (_, live) in zip(who, asked, strict=True) if live.guard.looks_back}
        while True:
            await hold(in_turn)
            read = await self._read({each.key: each for each in who}, in_turn)
            visitors = [read[each.key] for each in who]
            # What a customer has said may look back, too; that is not known before.
            more = {
                each.key
                for each, (_, live) in zip(visitors, asked, strict=True)
                if isinstance(each, Visitor) and not each.in_turn and _said_looks_back(each, live.placement)
            }
            if not more:
                pairs = zip(visitors, asked, strict=True)
                return [_answerable(visitor, live.placement) for visitor, (_, live) in pairs]
            in_turn |= more

    async def remember(self, customer: bytes, shown: Sequence[SeenRecord]) -> None:
        """Add to the history of a customer what of some impressions it lacks, if that is still allowed.

        Args:
            customer: The keyed hash of the id, perhaps under a former key: then it is added to where that was moved.
            shown: What is shown.
        """
        [known] = await self._history.read([(CustomerKeys(customer), True)])
        if isinstance(known, Known) and known.is_empty:
            customer, known = await self._after_moving(customer, known)
        if isinstance(known, StoreUnavailableError):
            return
        visitor = self._visitor(customer, known, in_turn=False)
        since_ms = time.time_ns() // 1_000_000 - 1000 * self._history.kept_s
        if visitor.key and (missing := lacking(visitor.seen, shown, MOST_SEEN, since_ms)):
            await self.note(visitor, [each.SerializeToString() for each in missing]).done()

    def note(self, visitor: Visitor, entries: Sequence[bytes]) -> Adding:
        """Prepare to add to a customer's history what is about to be shown.

        Args:
            visitor: One of whom something is known.
            entries: What was drawn, a serialised storage.v1.SeenRecord each; at least one.
        """
        return self._history.add(CustomerKeys(visitor.key), visitor.said, entries)

    async def _read(
        self, who: dict[bytes, Customer], in_turn: Collection[bytes]
    ) -> dict[bytes, Visitor | StoreUnavailableError]:
        found = await self._history.read([(CustomerKeys(key), key in in_turn) for key in who])
        visitors: dict[bytes, Visitor | StoreUnavailableError] = {}
        for customer, known in zip(who.values(), found, strict=True):
            visitors[customer.key] = await self._found(customer, known, in_turn=customer.key in in_turn)
        return visitors

    async def _found(
        self, customer: Customer, known: Known | StoreUnavailableError, *, in_turn: bool
    ) -> Visitor | StoreUnavailableError:
        if customer.former is not None and isinstance(known, Known) and known.is_empty:
            known = await self._moved(customer, known, whole=in_turn)
        return self._visitor(customer.key, known, in_turn=in_turn) if isinstance(known, Known) else known

    async def _moved(self, customer: Customer, known: Known, *, whole: bool) -> Known | StoreUnavailableError:
        """Read a customer of whom nothing is stored under the key of today, but perhaps under the one before."""
        try:
            stored = await self._customers.read(customer.key, customer.former, 1)
        except StoreUnavailableError as error:
            return error
        if stored.record is None and not stored.seen:
            return known
        return (await self._history.read([(CustomerKeys(customer.key), whole)]))[0]

    async def _after_moving(self, customer: bytes, known: Known) -> tuple[bytes, Known | StoreUnavailableError]:
        """Return what stands for a customer now, who may have been moved since, and what is known."""
        try:
            moved_to = await self._customers.moved_to(customer)
        except StoreUnavailableError as error:
            return customer, error
        if moved_to is None:
            return customer, known
        return moved_to, (await self._history.read([(CustomerKeys(moved_to), True)]))[0]

    def _visitor(self, key: bytes, known: Known, *, in_turn: bool) -> Visitor:
        try:
            # One message after the other is read as both merged: neither has a field of the other.
            record = CustomerRecord.FromString(known.profile + known.consent)
        except DecodeError:
            _log.error("a customer cannot be read: %d bytes in the store are none", len(known.profile + known.consent))
            return _NOBODY
        personalizes, learns = self._consent.both(record)
        if not personalizes:
            return Visitor(not learns)
        return Visitor(not learns, key, record, Seen(known.seen), known.consent, in_turn)


def _said_looks_back(visitor: Visitor, placement: Placement) -> bool:
    """Tell whether what a customer has said makes it depend on that."""
    if not visitor.record.HasField("preferences"):
        return False
    said = visitor.record.preferences
    return bool(said.less_of_categories or (said.most_per_week and placement.channels))


def _answerable(visitor: Visitor | StoreUnavailableError, placement: Placement) -> Visitor | ExpectedError:
    """Return for whom a decision is made; of whom nothing can be read, nothing is known, and nothing learned."""
    if isinstance(visitor, StoreUnavailableError):
        return visitor if placement.store_failure == STORE_FAILURE_REFUSE else _NOBODY
    return visitor
