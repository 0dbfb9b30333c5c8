"""Applied placements: their specs, their numbers, and their end."""

from collections.abc import Iterable
from dataclasses import dataclass

from attune.errors import NotFoundError
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.client import Store, reaching
from attune.store.keys import PLACEMENTS, PlacementKeys
from attune.v1.placement_pb2 import Placement

_PURGE_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a placement is doing.

    Attributes:
        decisions: Decisions recorded so far.
        pending: Decisions that are not in the training log yet.
        outcomes: Outcomes accepted so far.
        late: Outcomes that came after the reward window.
        interactions: Entries of the training log.
        head: The version that serves, None before anything was learned.
        waiting_ms: For how long the first entry after the head's cursor has been in the log; None when there is none.
        learner: Who learns, as `host:pid`; empty when nobody does.
    """

    decisions: int
    pending: int
    outcomes: int
    late: int
    interactions: int
    head: VersionRecord | None
    waiting_ms: int | None
    learner: str


class Placements:
    """Reads and writes placements."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def names(self) -> list[str]:
        """Return the names of all placements, sorted."""
        async with reaching(self._store.place):
            return sorted(name.decode() for name in await self._store.redis.smembers(PLACEMENTS))

    async def find(self, name: str) -> PlacementRecord | None:
        """Return a placement, None when there is none of this name."""
        async with reaching(self._store.place):
            value = await self._store.redis.get(PlacementKeys(name).spec)
        return PlacementRecord.FromString(value) if value else None

    async def get(self, name: str) -> PlacementRecord:
        """Return a placement.

        Raises:
            NotFoundError: There is none of this name.
        """
        if (record := await self.find(name)) is None:
            raise unknown_placement(name)
        return record

    async def glance(self, names: Iterable[str]) -> dict[str, tuple[PlacementRecord | None, int]]:
        """Return spec and serving version of placements, in one round trip; None and 0 where there is none."""
        listed = list(names)
        pipeline = self._store.redis.pipeline(transaction=False)
        for keys in map(PlacementKeys, listed):
            pipeline.get(keys.spec)
            pipeline.hget(keys.head, "version")
        async with reaching(self._store.place):
            answers = await pipeline.execute()
        specs = (PlacementRecord.FromString(value) if value else None for value in answers[::2])
        return dict(zip(listed, zip(specs, (int(version or 0) for version in answers[1::2]), strict=True), strict=True))

    async def apply(self, placement: Placement) -> tuple[PlacementRecord, bool]:
        """Create or change a placement.

        Args:
            placement: A valid placement with every default filled in.

        Returns:
            The placement as it is stored, and whether this call changed it.
        """
        keys = PlacementKeys(placement.name)
        while True:
            former = await self.find(placement.name)
            if former is not None and former.placement == placement:
                return former, False
            if former is None:
                # What a deletion that was cut short left behind must not come back to life.
                await self._purge(keys)
            record = PlacementRecord(placement=placement, revision=former.revision + 1 if former else 1)
            before = former.SerializeToString(deterministic=True) if former else b""
            if await self._store.run("swap", [keys.spec], [before, record.SerializeToString(deterministic=True)]):
                async with reaching(self._store.place):
                    await self._store.redis.sadd(PLACEMENTS, placement.name)
                return record, True

    async def delete(self, name: str) -> None:
        """Delete a placement and everything it owns.

        The spec goes first: from then on every script refuses to write for it.

        Raises:
            NotFoundError: There is none of this name.
        """
        keys = PlacementKeys(name)
        async with reaching(self._store.place):
            if not await self._store.redis.delete(keys.spec):
                raise unknown_placement(name)
            await self._store.redis.srem(PLACEMENTS, name)
        await self._purge(keys)

    async def numbers(self, name: str) -> Numbers:
        """Count what a placement has decided, heard and learned."""
        keys = PlacementKeys(name)
        async with reaching(self._store.place):
            pipeline = self._store.redis.pipeline(transaction=False)
            pipeline.hgetall(keys.counts)
            pipeline.zcard(keys.due)
            pipeline.hget(keys.head, "version")
            pipeline.hgetall(keys.versions)
            pipeline.get(keys.lease)
            counts, pending, version, versions, learner = await pipeline.execute()
        head = VersionRecord.FromString(versions[version]) if version in versions else None
        return Numbers(
            decisions=int(counts.get(b"decisions", 0)),
            pending=pending,
            outcomes=int(counts.get(b"outcomes", 0)),
            late=int(counts.get(b"late", 0)),
            interactions=int(counts.get(b"interactions", 0)),
            head=head,
            waiting_ms=await self._waiting_ms(keys, head.cursor if head else "-"),
            learner=(learner or b"").decode(),
        )

    async def _waiting_ms(self, keys: PlacementKeys, cursor: str) -> int | None:
        async with reaching(self._store.place):
            pipeline = self._store.redis.pipeline(transaction=False)
            pipeline.xrange(keys.interactions, cursor if cursor == "-" else f"({cursor}", "+", count=1)
            pipeline.time()
            entries, (seconds, microseconds) = await pipeline.execute()
        if not entries:
            return None
        entered_ms = int(entries[0][0].partition(b"-")[0])
        return max(0, int(seconds) * 1000 + int(microseconds) // 1000 - entered_ms)

    async def _purge(self, keys: PlacementKeys) -> None:
        async with reaching(self._store.place):
            chunk: list[bytes] = []
            async for key in self._store.redis.scan_iter(match=keys.pattern, count=_PURGE_CHUNK):
                chunk.append(key)
                if len(chunk) == _PURGE_CHUNK:
                    await self._store.redis.unlink(*chunk)
                    chunk.clear()
            if chunk:
                await self._store.redis.unlink(*chunk)


def unknown_placement(name: str) -> NotFoundError:
    """Return the error for a placement that is not applied."""
    return NotFoundError(f'placement: expected the name of an applied placement, got "{name}"')
