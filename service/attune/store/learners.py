"""Who learns: the learners that are there, and which placement each of them has."""

from collections.abc import Sequence

from attune.store.client import Store
from attune.store.keys import LEARNERS, PlacementKeys


class LearnerRegister:
    """Where learners find each other."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def announce(self, owner: str, ttl_ms: int) -> frozenset[str]:
        """Say that a learner is there.

        Args:
            owner: The learner, as `host:pid`.
            ttl_ms: For how long it counts without saying so again, in milliseconds; 0 to say that it leaves.

        Returns:
            The learners that are there.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        return frozenset(member.decode() for member in await self._store.run("announce", [LEARNERS], [owner, ttl_ms]))

    async def owners(self, names: Sequence[str]) -> dict[str, str]:
        """Return who holds the lease of each placement; empty where nobody does.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        pipeline = self._store.redis.pipeline(transaction=False)
        for name in names:
            pipeline.get(PlacementKeys(name).lease)
        async with self._store.reaching():
            values = await pipeline.execute()
        return {name: (value or b"").decode() for name, value in zip(names, values, strict=True)}
