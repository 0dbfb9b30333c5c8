"""What the schema guard needs from the store: a sample of the newest decisions, and a place for what it knows."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from attune.errors import FencedError, InvalidInputError
from attune.storage.v1.records_pb2 import DecisionRecord, FindingsRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.offer_set import OfferSet, offers_of
from attune.store.offer_sets import OfferSets
from attune.store.versions import Lease

_TOMBSTONE = b"@"


@dataclass(frozen=True, slots=True)
class SampledDecision:
    """A decision of a sample.

    Attributes:
        record: The decision.
        offers: What it could draw, serialised, in the order of the pmf.
    """

    record: DecisionRecord
    offers: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of the decisions made since the last sample.

    Attributes:
        until_ms: When it was taken, milliseconds since the epoch by the store's clock: where to go on.
        decisions: The newest ones, in the order they were made.
    """

    until_ms: int
    decisions: list[SampledDecision]


class Schemas:
    """Reads decisions and writes states for the schema guard of a placement."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        self._offer_sets = OfferSets(store)

    async def sample(self, keys: PlacementKeys, window_ms: int, since_ms: int | None, most: int) -> Sample:
        """Read the newest decisions whose reward window is still open: asked twice a second, it sees any window.

        Decisions are found by when their window closes, which is `window_ms` after they were made. After a change of
        the window a few are seen twice or not at all: it is a sample.

        Args:
            keys: The placement's keys.
            window_ms: Its reward window in milliseconds.
            since_ms: Only decisions made later than that, milliseconds since the epoch by the store's clock; None for
                none at all, to begin with.
            most: How many to read at most.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            seconds, microseconds = await self._store.redis.time()
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        if since_ms is None:
            return Sample(now_ms, [])
        latest, before = str(now_ms + window_ms), f"({since_ms + window_ms}"
        async with self._store.reaching():
            newest = await self._store.redis.zrange(
                keys.due, latest, before, byscore=True, desc=True, offset=0, num=most
            )
        if not newest:
            return Sample(now_ms, [])
        async with self._store.reaching():
            values = await self._store.redis.mget([keys.event(event_id.decode()) for event_id in reversed(newest)])
        records = list(_readable(values))
        sets = await self._offer_sets.sets_of(keys, records)
        return Sample(now_ms, list(_whole(zip(records, sets, strict=True))))

    async def state(self, keys: PlacementKeys) -> bytes | None:
        """Return the guard's state, None before anything was written."""
        async with self._store.reaching():
            state: bytes | None = await self._store.redis.hget(keys.schema, "state")
        return state

    async def write(self, lease: Lease, state: bytes, findings: FindingsRecord) -> None:
        """Write the guard's state and its findings together.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone; nothing was written.
            StoreUnavailableError: The store did not answer in time; it may have been written.
        """
        keys = lease.keys
        args: list[str | bytes | int] = [lease.epoch, state, findings.SerializeToString()]
        if not await self._store.run("schema", [keys.spec, keys.head, keys.schema], args):
            raise FencedError(f'placement "{keys.name}": what the schema guard knows was refused, see the lease')


def _readable(values: Iterable[bytes | None]) -> Iterator[DecisionRecord]:
    for value in values:
        # What was joined in between has left a tombstone. What is damaged is for others to complain about.
        if value and not value.startswith(_TOMBSTONE):
            with suppress(DecodeError):
                yield DecisionRecord.FromString(value)


def _whole(decisions: Iterable[tuple[DecisionRecord, OfferSet | None]]) -> Iterator[SampledDecision]:
    for record, offer_set in decisions:
        with suppress(InvalidInputError):
            yield SampledDecision(record, offers_of(record, offer_set))
