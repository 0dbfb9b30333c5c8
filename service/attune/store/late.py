"""Late outcomes: how far their stream and the training log reach, and what stands in the stream."""

from collections.abc import Mapping
from dataclasses import dataclass

from attune.store.client import Store
from attune.store.interactions import BEGINNING
from attune.store.keys import PlacementKeys
from attune.store.log_entries import RecordedOutcome, outcome_of


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """An outcome that came after its decision was logged, undecoded: many of them are kept in memory.

    Attributes:
        position: Its stream id.
        of: Position of its decision in the training log.
        outcome_id: Its idempotency key, UTF-8.
        record: A serialised storage.v1.OutcomeRecord.
    """

    position: str
    of: str
    outcome_id: bytes
    record: bytes

    def decoded(self, decided_at_ms: int) -> RecordedOutcome:
        """Decode it, as it stands in `PlacementKeys.outcomes` of a decision made at this time, ms since the epoch."""
        value = b"L%b:%b" % (self.position.encode(), self.record)
        return outcome_of(self.outcome_id.decode(), value, decided_at_ms)


class LateOutcomes:
    """Reads the late outcomes of a placement."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def ends(self, keys: PlacementKeys) -> tuple[str, str]:
        """Return the last positions in the training log and among the late outcomes, both at one moment.

        Returns:
            `BEGINNING` for a stream that is empty.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.xrevrange(keys.interactions, count=1).xrevrange(keys.late, count=1)
            last, last_late = await pipeline.execute()
        return _end(last), _end(last_late)

    async def between(self, keys: PlacementKeys, position: str, end: str, most: int) -> tuple[list[LateOutcome], str]:
        """Read late outcomes in the order they came.

        Args:
            keys: The placement's keys.
            position: Of the last one that is known; `BEGINNING` for none.
            end: Of the last one to read.
            most: How many to read at most.

        Returns:
            Those whose decision had been logged: the log itself has the others. And the position to go on from, empty
            when `end` is reached.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            entries = await self._store.redis.xrange(keys.late, f"({position}", end, count=most)
        found = [_late(stream_id.decode(), entry) for stream_id, entry in entries if entry.get(b"p")]
        return found, entries[-1][0].decode() if len(entries) == most else ""


def _end(newest: list[tuple[bytes, Mapping[bytes, bytes]]]) -> str:
    return newest[0][0].decode() if newest else BEGINNING


def _late(position: str, entry: Mapping[bytes, bytes]) -> LateOutcome:
    return LateOutcome(position, entry[b"p"].decode(), entry[b"i"], entry[b"o"])
