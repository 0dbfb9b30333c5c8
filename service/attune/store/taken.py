"""How customers took what they were shown: outcomes on their way into histories, where cool-downs look for them.

An outcome names a decision, the decision the customer, and the customer's history has what was shown: the entry of an
outcome is that of its impression, with another time and the outcome's name. There is one for each offer, decision and
name, the latest, so that outcomes cannot crowd out impressions. Who has no history, or none that goes back so far, gets
no entry.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError

from attune.storage.v1.records_pb2 import SeenRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.keys import CUSTOMER_KEY_BYTES, CustomerKeys, PlacementKeys

# So many histories are read together: each may have MOST_SEEN entries and more.
_AT_ONCE = 32
# Of more decisions of one customer, the whole history is read.
_MOST_NAMES = 50

_log = logging.getLogger(__name__)


class Taken(NamedTuple):
    """An outcome that was recorded.

    Attributes:
        event_id: Of which decision.
        slot: Of which of its slots, zero-based.
        outcome: Its name.
        at_ms: When it happened, milliseconds since the epoch.
        is_new: Whether it was recorded now: else it may be in the history already, and counts as it is there.
    """

    event_id: str
    slot: int
    outcome: str
    at_ms: int
    is_new: bool = True


class TakenOutcomes:
    """Notes outcomes in customers' histories."""

    def __init__(self, store: Store, decisions: Decisions) -> None:
        """Write through this client.

        Args:
            store: The store.
            decisions: Tells whose decisions they are.
        """
        self._store = store
        self._decisions = decisions

    async def note(self, keys: PlacementKeys, taken: Sequence[Taken]) -> None:
        """Note what came of a placement's decisions; noting it again changes nothing.

        Args:
            keys: The placement's keys.
            taken: What came of them, at least one.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; some or all may have been noted.
        """
        decisions = await self._decisions.records(keys, [each.event_id for each in taken])
        of_customer: defaultdict[bytes, list[Taken]] = defaultdict(list)
        for each in taken:
            decision = decisions.get(each.event_id)
            if decision is not None and len(decision.customer) == CUSTOMER_KEY_BYTES:
                of_customer[decision.customer].append(each)
        customers = list(of_customer.items())
        for i in range(0, len(customers), _AT_ONCE):
            await self._note(keys.name, customers[i : i + _AT_ONCE])

    async def _note(self, placement: str, customers: Sequence[tuple[bytes, Sequence[Taken]]]) -> None:
        histories = [CustomerKeys(customer).seen for customer, _ in customers]
        found = await self._read(histories)
        if empty := [i for i, values in enumerate(found) if not values]:
            await self._look_where_moved([customer for customer, _ in customers], empty, histories, found)
        noted: list[tuple[str, list[bytes]]] = []
        for history, values, (_, taken) in zip(histories, found, customers, strict=True):
            if entries := [part for entry in _entries(values, placement, taken) for part in entry]:
                noted.append((history, entries))
            await asyncio.sleep(0)  # others get their turn in between
        await asyncio.gather(*[self._store.run("customer_taken", [history], entries) for history, entries in noted])

    async def _read(self, histories: Sequence[str]) -> list[list[bytes]]:
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=False)
            for history in histories:
                pipeline.lrange(history, 0, -1)
            found: list[list[bytes]] = await pipeline.execute()
        return found

    async def _look_where_moved(
        self, customers: Sequence[bytes], empty: Sequence[int], histories: list[str], found: list[list[bytes]]
    ) -> None:
        """Replace histories that are empty because they were moved to another key since the decision was made."""
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=False)
            for i in empty:
                pipeline.get(CustomerKeys(customers[i]).moved)
            moved = [(i, to) for i, to in zip(empty, await pipeline.execute(), strict=True) if to]
        for i, to in moved:
            histories[i] = CustomerKeys(to).seen
        if moved:
            for (i, _), values in zip(moved, await self._read([histories[i] for i, _ in moved]), strict=True):
                found[i] = values


def _named(values: Sequence[bytes], taken: Sequence[Taken]) -> Iterator[tuple[bytes, SeenRecord]]:
    """Yield the entries of a history that decisions are named in, and perhaps others, each with its value.

    Looking for a few names in bytes costs a hundredth of reading them.
    """
    names = {each.event_id.encode() for each in taken}
    for value in values:
        if len(names) > _MOST_NAMES or any(name in value for name in names):
            try:
                yield value, SeenRecord.FromString(value)
            except DecodeError:
                _log.error("an entry of a customer's history cannot be read: %d bytes are none", len(value))


def _entries(values: Sequence[bytes], placement: str, taken: Sequence[Taken]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entry of each outcome, and before it the one that it takes the place of, empty where there is none.

    Args:
        values: The history.
        placement: Whose decisions the outcomes are of.
        taken: The outcomes.
    """
    shown: defaultdict[str, dict[str, SeenRecord]] = defaultdict(dict)
    known: dict[tuple[str, str, str], tuple[bytes, SeenRecord]] = {}
    for value, seen in _named(values, taken):
        if seen.placement == placement and seen.outcome:
            known[seen.event_id, seen.offer_id, seen.outcome] = value, seen
        elif seen.placement == placement:
            shown[seen.event_id].setdefault(f"{seen.offer_id}@{seen.channel}", seen)
    for each in taken:
        # What a decision showed is noted in the order of its slots.
        impressions = list(shown[each.event_id].values())
        if each.slot >= len(impressions):
            continue
        impression = impressions[each.slot]
        key = each.event_id, impression.offer_id, each.outcome
        former, before = known.get(key, (b"", impression))
        if former and not (each.is_new and each.at_ms > before.at_ms):
            continue
        entry = SeenRecord()
        entry.CopyFrom(impression)
        # Not before it was shown: clocks differ.
        entry.at_ms, entry.outcome = max(each.at_ms, impression.at_ms), each.outcome
        known[key] = (value := entry.SerializeToString()), entry
        yield former, value
