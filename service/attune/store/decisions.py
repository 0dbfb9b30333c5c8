"""Stored decisions: read one back, wherever it stands, with the outcomes it has so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attune.errors import NotFoundError
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys

_TOMBSTONE = b"@"
_LATE = b"L"
_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An outcome as it stands in the store.

    Attributes:
        outcome_id: Its idempotency key.
        received_ms: When it was received, milliseconds since the epoch by the store's clock.
        record: What the caller said.
    """

    outcome_id: str
    received_ms: int
    record: OutcomeRecord

    @property
    def happened_ms(self) -> int:
        """When it happened as far as is known, milliseconds since the epoch."""
        return self.record.occurred_at_ms if self.record.HasField("occurred_at_ms") else self.received_ms


@dataclass(frozen=True, slots=True)
class LoggedInteraction:
    """An entry of the training log.

    Attributes:
        position: Its stream id.
        decision: The decision.
        outcomes: What came of it within the window, earliest first.
    """

    position: str
    decision: DecisionRecord
    outcomes: list[RecordedOutcome]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision and its outcomes, read back.

    Attributes:
        record: The decision.
        outcomes: Those within the reward window so far, earliest first.
        closed: Whether it is in the training log.
    """

    record: DecisionRecord
    outcomes: list[RecordedOutcome]
    closed: bool


class Decisions:
    """Reads decisions of a placement."""

    def __init__(self, store: Store) -> None:
        """Read through this client."""
        self._store = store

    async def get(self, keys: PlacementKeys, event_id: str) -> StoredDecision:
        """Read a decision.

        Raises:
            NotFoundError: There is none with this id, or it was forgotten.
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            value, recorded = await pipeline.get(keys.event(event_id)).hgetall(keys.outcomes(event_id)).execute()
        if value is None:
            raise NotFoundError(f'event_id: expected a decision of placement "{keys.name}", got "{event_id}"')
        if not value.startswith(_TOMBSTONE):
            return StoredDecision(DecisionRecord.FromString(value), outcomes_of(recorded), closed=False)
        return await self.closed(keys, value)

    async def closed(self, keys: PlacementKeys, tombstone: bytes) -> StoredDecision:
        """Read a decision from the training log.

        Args:
            keys: The placement's keys.
            tombstone: `@` and the position, as the event key holds it.

        Raises:
            NotFoundError: The training log does not reach back that far.
            StoreUnavailableError: The store did not answer in time.
        """
        position = tombstone.removeprefix(_TOMBSTONE)
        async with self._store.reaching():
            entries = await self._store.redis.xrange(keys.interactions, position, position)
        if not entries:
            raise NotFoundError(f"event_id: expected a decision in the training log, got trimmed position {position!r}")
        logged = interaction_of(*entries[0])
        return StoredDecision(logged.decision, logged.outcomes, closed=True)

    async def slots(self, keys: PlacementKeys, event_ids: Sequence[str]) -> dict[str, int]:
        """Count the slots of decisions, in one round trip unless they are very large.

        Args:
            keys: The placement's keys.
            event_ids: Ids of decisions; repeated ones are read once.

        Returns:
            By event_id, how many slots were drawn for: at least 1. Decisions that are unknown are left out.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        asked = list(dict.fromkeys(event_ids))
        counted: dict[str, int] = {}
        n_read = 0
        while n_read < len(asked):
            touched = [keys.spec, keys.interactions, *map(keys.event, asked[n_read:])]
            records = await self._store.run("records", touched, [_ANSWER_BYTES])
            for event_id, record in zip(asked[n_read:], records, strict=False):  # the answer may be the first part
                if record is not None:
                    counted[event_id] = 1 + len(DecisionRecord.FromString(record).later_slots)
            n_read += len(records)
        return counted

    async def found(self, keys: PlacementKeys, value: bytes) -> DecisionRecord:
        """Return the decision that the journal found in place of a new one.

        Args:
            keys: The placement's keys.
            value: What `Journal.append` returned.

        Raises:
            NotFoundError: The training log does not reach back that far.
            StoreUnavailableError: The store did not answer in time.
        """
        if value.startswith(_TOMBSTONE):
            return (await self.closed(keys, value)).record
        return DecisionRecord.FromString(value)


def interaction_of(position: bytes, entry: Mapping[bytes, bytes]) -> LoggedInteraction:
    """Decode an entry of the training log.

    Args:
        position: Its stream id.
        entry: Its fields, see `PlacementKeys.interactions`.
    """
    decision = DecisionRecord.FromString(entry[b"d"])
    recorded = {key[1:]: value for key, value in entry.items() if key.startswith(b"o")}
    return LoggedInteraction(position.decode(), decision, outcomes_of(recorded))


def outcomes_of(recorded: Mapping[bytes, bytes]) -> list[RecordedOutcome]:
    """Decode the outcomes of a decision that came within the reward window.

    Returns:
        Earliest first: by when they happened, then when they were received, then by id, so that the order is the same
        wherever it is asked for.
    """
    within = (_outcome_of(*item) for item in recorded.items() if not item[1].startswith(_LATE))
    return sorted(within, key=lambda outcome: (outcome.happened_ms, outcome.received_ms, outcome.outcome_id))


def _outcome_of(outcome_id: bytes, value: bytes) -> RecordedOutcome:
    received, _, record = value.partition(b":")
    return RecordedOutcome(outcome_id.decode(), int(received), OutcomeRecord.FromString(record))
