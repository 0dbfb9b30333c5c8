"""Stored decisions: read one back, wherever it stands, with the outcomes it has so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from attune.errors import NotFoundError
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.log_entries import RecordedOutcome, interaction_of, outcomes_of
from attune.store.offer_sets import OfferSets
from attune.v1.decision_service_pb2 import (
    DECISION_STATE_CLOSED,
    DECISION_STATE_DEFERRED,
    DECISION_STATE_PENDING,
    DecisionState,
)

_TOMBSTONE = b"@"
_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision and its outcomes, read back.

    Attributes:
        record: The decision, with its offers.
        outcomes: Those within the reward window so far, earliest first.
        state: Where it stands.
    """

    record: DecisionRecord
    outcomes: list[RecordedOutcome]
    state: DecisionState


class Decisions:
    """Reads decisions of a placement."""

    def __init__(self, store: Store) -> None:
        """Read through this client."""
        self._store = store
        self._offer_sets = OfferSets(store)

    async def get(self, keys: PlacementKeys, event_id: str) -> StoredDecision:
        """Read a decision.

        Raises:
            NotFoundError: There is none with this id, or it was forgotten, or its offers are lost.
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.get(keys.event(event_id)).hgetall(keys.outcomes(event_id)).zscore(keys.due, event_id)
            value, recorded, due_ms = await pipeline.execute()
        if value is None:
            raise _unknown(keys, event_id)
        if not value.startswith(_TOMBSTONE):
            state = DECISION_STATE_DEFERRED if due_ms is None else DECISION_STATE_PENDING
            record = await self._whole(keys, DecisionRecord.FromString(value))
            return StoredDecision(record, outcomes_of(recorded, record.decided_at_ms), state)
        return await self.closed(keys, value)

    async def activate(self, keys: PlacementKeys, window_ms: int, event_id: str) -> bool:
        """Open the reward window of a deferred decision; doing it again changes nothing.

        Args:
            keys: The placement's keys.
            window_ms: Its reward window in milliseconds.
            event_id: The decision's id.

        Returns:
            Whether this call opened it.

        Raises:
            NotFoundError: There is no decision with this id, or it was forgotten; or the placement is gone.
            StoreUnavailableError: The store did not answer in time; the window may or may not have been opened.
        """
        touched = [keys.spec, keys.due, keys.counts, keys.event(event_id), keys.outcomes(event_id)]
        answer = await self._store.run("activate", touched, [window_ms, event_id])
        if answer < 0:
            raise _unknown(keys, event_id)
        return bool(answer)

    async def closed(self, keys: PlacementKeys, tombstone: bytes) -> StoredDecision:
        """Read a decision from the training log.

        Args:
            keys: The placement's keys.
            tombstone: `@` and the position, as the event key holds it.

        Raises:
            NotFoundError: The training log does not reach back that far, or the decision's offers are lost.
            StoreUnavailableError: The store did not answer in time.
        """
        position = tombstone.removeprefix(_TOMBSTONE)
        async with self._store.reaching():
            entries = await self._store.redis.xrange(keys.interactions, position, position)
        if not entries:
            raise NotFoundError(f"event_id: expected a decision in the training log, got trimmed position {position!r}")
        entry = interaction_of(*entries[0])
        return StoredDecision(await self._whole(keys, entry.decision), entry.outcomes, DECISION_STATE_CLOSED)

    async def records(self, keys: PlacementKeys, event_ids: Sequence[str]) -> dict[str, DecisionRecord]:
        """Read decisions without their outcomes, in one round trip unless they are very large.

        Args:
            keys: The placement's keys.
            event_ids: Ids of decisions; repeated ones are read once.

        Returns:
            By event_id, as they are stored: without the offers that are in a set. Those that are unknown are left out.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        asked = list(dict.fromkeys(event_ids))
        found: dict[str, DecisionRecord] = {}
        n_read = 0
        while n_read < len(asked):
            touched = [keys.spec, keys.interactions, *map(keys.event, asked[n_read:])]
            values = await self._store.run("records", touched, [_ANSWER_BYTES])
            for event_id, value in zip(asked[n_read:], values, strict=False):  # the answer may be the first part
                if value is not None:
                    found[event_id] = DecisionRecord.FromString(value)
            n_read += len(values)
        return found

    async def slots(self, keys: PlacementKeys, event_ids: Sequence[str]) -> dict[str, int]:
        """Count the slots of decisions, see `records`.

        Returns:
            By event_id, how many slots were drawn for: at least 1. Decisions that are unknown are left out.
        """
        records = await self.records(keys, event_ids)
        return {event_id: 1 + len(record.later_slots) for event_id, record in records.items()}

    async def found(self, keys: PlacementKeys, value: bytes) -> DecisionRecord:
        """Return the decision that the journal found in place of a new one.

        Args:
            keys: The placement's keys.
            value: What `Journal.append` returned.

        Raises:
            NotFoundError: The training log does not reach back that far, or the decision's offers are lost.
            StoreUnavailableError: The store did not answer in time.
        """
        if value.startswith(_TOMBSTONE):
            return (await self.closed(keys, value)).record
        return await self._whole(keys, DecisionRecord.FromString(value))

    async def _whole(self, keys: PlacementKeys, record: DecisionRecord) -> DecisionRecord:
        await self._offer_sets.fill(keys, [record])
        if record.offer_set and not record.offers:
            raise NotFoundError(f'event_id: expected a decision whose offers are known, got "{record.event_id}"')
        return record


def _unknown(keys: PlacementKeys, event_id: str) -> NotFoundError:
    return NotFoundError(f'event_id: expected a decision of placement "{keys.name}", got "{event_id}"')
