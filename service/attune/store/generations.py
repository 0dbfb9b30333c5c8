"""Generations of a placement's policy: a rebuild or a reset begins a new one, which is trained anew.

The generation stands beside the spec. Learners compare it with that of what they train, as they compare the spec.
"""

from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys, unknown_placement
from attune.store.placements import MOST_ATTEMPTS, restless


class Generations:
    """Begins generations."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def rebuild(self, name: str, *, whole_log: bool) -> int:
        """Begin a new generation: whoever learns trains its policy on the training log, and swaps it in.

        Args:
            name: The placement.
            whole_log: Whether to learn also from what came before the last reset.

        Returns:
            How many interactions there are to learn from; with revisions in a log that was trimmed, a few too many.

        Raises:
            NotFoundError: There is none of this name.
            StoreUnavailableError: The store did not answer in time, or others change the placement all the time.
        """
        keys = PlacementKeys(name)
        for _ in range(MOST_ATTEMPTS):
            before, record, interactions, _last, _newest = await self._generation(keys)
            async with self._store.reaching():
                left = await self._store.redis.xlen(keys.interactions)
            record.generation += 1
            if whole_log:
                record.trains_from, record.set_aside = "", 0
            values = [before, record.SerializeToString()]
            if await self._store.run("swap", [keys.spec, keys.deleting], values) == 1:
                return min(interactions - record.set_aside, int(left))
        raise restless(name)

    async def reset(self, name: str) -> tuple[int, int]:
        """Begin a new generation that learns only what enters the log from now on, and serves at once.

        Returns:
            How many interactions are set aside, and the newest version of before, 0 when there was none.

        Raises:
            NotFoundError: There is none of this name.
            StoreUnavailableError: The store did not answer in time, or others change the placement all the time.
        """
        keys = PlacementKeys(name)
        for _ in range(MOST_ATTEMPTS):
            before, record, interactions, last, newest = await self._generation(keys)
            record.generation += 1
            record.trains_from, record.set_aside = last, interactions
            if await self._store.run("reset", [keys.spec, keys.head, keys.lease], [before, record.SerializeToString()]):
                return interactions, newest
        raise restless(name)

    async def _generation(self, keys: PlacementKeys) -> tuple[bytes, PlacementRecord, int, str, int]:
        """Read the spec, how many interactions there are, the last position in the log, and the newest version."""
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.get(keys.spec).hget(keys.counts, "interactions").xrevrange(keys.interactions, count=1)
            pipeline.hget(keys.head, "version")
            spec, interactions, last, newest = await pipeline.execute()
        if spec is None:
            raise unknown_placement(keys.name)
        position = last[0][0].decode() if last else ""
        return spec, PlacementRecord.FromString(spec), int(interactions or 0), position, int(newest or 0)
