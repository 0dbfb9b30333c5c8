"""The training log as a whole: how far it has been exported, what may be trimmed, and what comes in from elsewhere.

Learners read it through `attune.store.interactions`. Everything here serves `attune export` and `attune import`.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import Enum

from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, PlacementRecord, VersionRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING, order
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys
from attune.store.log_entries import LoggedInteraction, RecordedOutcome, logged
from attune.store.offer_sets import OfferSets

_TRIMMED_PER_CALL = 10_000
_READ_PER_CALL = 64


class ImportedLate(Enum):
    """What became of a late outcome from elsewhere; the values are what `import_late.lua` answers."""

    ADDED = b"L"
    KNOWN = b"D"
    UNKNOWN_EVENT = b"U"


@dataclass(frozen=True, slots=True)
class LateEntry:
    """An entry of the stream of late outcomes.

    Attributes:
        position: Its stream id.
        event_id: The decision it belongs to.
        outcome: The outcome; received when the store took it.
    """

    position: str
    event_id: str
    outcome: RecordedOutcome


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a placement's log reaches.

    Attributes:
        last: Position of the last entry that the log has or had; `BEGINNING` when it never had any.
        last_late: The same for late outcomes.
        entries: Entries of both.
        trimmed: Position of the last entry that was trimmed; `BEGINNING` when none was.
        exported: Position up to which the log has been exported; `BEGINNING` when it never was.
    """

    last: str
    last_late: str
    entries: int
    trimmed: str
    exported: str


def recorded_elsewhere(outcome_id: str, received_ms: int, record: OutcomeRecord) -> RecordedOutcome:
    """Return an outcome that does not come from the store.

    Args:
        outcome_id: Its idempotency key.
        received_ms: When it was received, milliseconds since the epoch.
        record: What is known about it.
    """
    happened_ms = record.occurred_at_ms if record.HasField("occurred_at_ms") else received_ms
    return RecordedOutcome(outcome_id, received_ms, happened_ms, record)


class TrainingLog:
    """Reads, notes, trims and extends the training log of a placement."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        self._offer_sets = OfferSets(store)

    async def extent(self, keys: PlacementKeys) -> Extent:
        """Return how far the log reaches now."""
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.xrevrange(keys.interactions, "+", "-", count=1).xrevrange(keys.late, "+", "-", count=1)
            pipeline.xlen(keys.interactions).xlen(keys.late).hmget(
                keys.exported, "trimmed", "interactions", "erased", "erased:late"
            )
            last, last_late, entries, late, noted = await pipeline.execute()
        first = BEGINNING.encode()
        trimmed, exported, erased, erased_late = ((position or first).decode() for position in noted)
        ends = [(entry[0][0] if entry else first).decode() for entry in (last, last_late)]
        # What was last in the log may have been erased: files that end there are of this log all the same.
        end, end_late = max(ends[0], erased, key=order), max(ends[1], erased_late, key=order)
        return Extent(end, end_late, entries + late, trimmed, exported)

    async def after(self, keys: PlacementKeys, position: str, most: int) -> tuple[list[LoggedInteraction], str]:
        """Read entries in order, and how far the log was trimmed at that moment.

        Args:
            keys: The placement's keys.
            position: Stream id of the last entry that is known; `BEGINNING` for none.
            most: How many to read at most.

        Returns:
            The entries, and the position of the last entry that was trimmed: what lies between `position` and that one
            is missing.
        """
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.xrange(keys.interactions, f"({position}", "+", count=most).hget(keys.exported, "trimmed")
            entries, trimmed = await pipeline.execute()
        return await logged(self._offer_sets, keys, entries), (trimmed or BEGINNING.encode()).decode()

    async def late_after(self, keys: PlacementKeys, position: str, most: int) -> list[LateEntry]:
        """Read late outcomes in order.

        Args:
            keys: The placement's keys.
            position: Stream id of the last one that is known; `BEGINNING` for none.
            most: How many to read at most.
        """
        async with self._store.reaching():
            entries = await self._store.redis.xrange(keys.late, f"({position}", "+", count=most)
        return [_late(stream_id.decode(), entry) for stream_id, entry in entries]

    async def note_exported(self, keys: PlacementKeys, position: str, late_position: str) -> None:
        """Note that everything up to these positions is on a disk somewhere; earlier positions change nothing."""
        for stream, end in (("interactions", position), ("late", late_position)):
            await self._store.run("exported", [keys.spec, keys.exported], [stream, end])

    async def trim(self, keys: PlacementKeys, spec: bytes, head: VersionRecord, learned_to: str) -> int | None:
        """Remove some entries that were exported, were learned from and are older than the placement keeps them.

        Call again until it returns 0.

        Args:
            keys: The placement's keys.
            spec: The placement as it is stored.
            head: The newest version.
            learned_to: Position up to which everybody has learned, at most the version's cursor.

        Returns:
            How many were removed; None when there is a newer version, or the placement was changed, by now.
        """
        if learned_to == BEGINNING:
            return 0
        retention_ms = PlacementRecord.FromString(spec).placement.log_retention.ToMilliseconds()
        touched = [keys.spec, keys.head, keys.interactions, keys.exported]
        args: list[str | bytes | int] = [spec, head.version, learned_to, _TRIMMED_PER_CALL, retention_ms]
        removed: int = await self._store.run("trim", touched, args)
        return None if removed < 0 else removed

    async def append(
        self,
        keys: PlacementKeys,
        interactions: Sequence[tuple[DecisionRecord, Sequence[RecordedOutcome]]],
        *,
        restore: bool,
    ) -> int:
        """Append interactions from elsewhere, in one atomic step, each unless its event_id is known.

        Args:
            keys: The placement's keys.
            interactions: Decisions, and what came of each within the window.
            restore: Whether to append also what is known, but was trimmed from the log.

        Returns:
            How many were appended.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; they may or may not have been appended.
        """
        touched = [keys.spec, keys.counts, keys.interactions]
        args: list[str | bytes | int] = [TOMBSTONE_TTL_S, int(restore)]
        for decision, outcomes in interactions:
            touched += (keys.event(decision.event_id), keys.outcomes(decision.event_id))
            args += (decision.SerializeToString(), len(outcomes))
            for outcome in outcomes:
                args += (outcome.outcome_id, b"%d:%b" % (outcome.received_ms, outcome.record.SerializeToString()))
        appended: int = await self._store.run("import", touched, args)
        return appended

    async def append_late(
        self, keys: PlacementKeys, outcomes: Sequence[tuple[str, RecordedOutcome]]
    ) -> list[ImportedLate]:
        """Append late outcomes from elsewhere, each unless it is known.

        Args:
            keys: The placement's keys.
            outcomes: The event_id of each, and the outcome.

        Returns:
            What became of each.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; they may or may not have been appended.
        """
        touched = [keys.spec, keys.counts, keys.late]
        args: list[str | bytes | int] = [TOMBSTONE_TTL_S]
        for event_id, outcome in outcomes:
            touched += (keys.event(event_id), keys.outcomes(event_id))
            args += (event_id, outcome.outcome_id, outcome.record.SerializeToString())
        return [ImportedLate(status) for status in await self._store.run("import_late", touched, args)]

    async def event_ids(self, keys: PlacementKeys, before_ms: int) -> AsyncIterator[str]:
        """Yield the event_ids of entries that are older than a time, milliseconds since the epoch, the oldest first."""
        position = BEGINNING
        while entries := (await self.after(keys, position, _READ_PER_CALL))[0]:
            for entry in entries:
                if order(entry.position)[0] >= before_ms:
                    return
                yield entry.decision.event_id
            position = entries[-1].position


def _late(position: str, entry: dict[bytes, bytes]) -> LateEntry:
    # The stream's own time is when the outcome was received.
    received_ms, record = order(position)[0], OutcomeRecord.FromString(entry[b"o"])
    return LateEntry(position, entry[b"e"].decode(), recorded_elsewhere(entry[b"i"].decode(), received_ms, record))
